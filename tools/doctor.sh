#!/bin/sh
# What the machine must have before set-up begins; names what is missing and how to get it. Prints the Python to use.
set -u

case "$(uname -s)" in
  Darwin) system=mac ;;
  *) if command -v apt-get >/dev/null 2>&1; then system=debian; else system=other; fi ;;
esac
missing=0

lack() { # what, Debian or Ubuntu, macOS, elsewhere
  missing=1
  echo "Kontor needs $1." >&2
  case "$system" in
    debian) echo "  Install it with:  $2" >&2 ;;
    mac) echo "  Install it with:  $3" >&2 ;;
    *) echo "  $4" >&2 ;;
  esac
}

python=
seen=
for name in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
  command -v "$name" >/dev/null 2>&1 || continue
  version=$("$name" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
  seen="$seen $name=$version"
  if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    python=$name
    break
  fi
done
if [ -z "$python" ]; then
  lack "Python 3.11 or newer (found:${seen:- none})" "sudo apt install python3 python3-venv" "brew install python" "Get it from your system's packages."
elif ! "$python" -c 'import venv, ensurepip' >/dev/null 2>&1; then
  lack "Python's venv module ($python has none)" "sudo apt install python$version-venv" "brew install python" "It is part of a full Python installation."
fi

if ! command -v node >/dev/null 2>&1; then
  lack "Node 20 or newer (found none)" "sudo apt install nodejs npm" "brew install node" "Get it from your system's packages."
elif ! node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)'; then
  lack "Node 20 or newer (found $(node --version); releases before Debian 13 carry an older one)" "sudo apt install npm && sudo npm install -g n && sudo n 22" "brew upgrade node" "Get it from your system's packages."
elif ! command -v npm >/dev/null 2>&1; then
  lack "npm, which comes with Node" "sudo apt install npm" "brew install node" "It is part of a full Node installation."
fi

[ "$missing" = 0 ] || exit 1
echo "$python"
