"""What the vault's page says: why it locked, who can open it, how strong a passphrase is, what a restore would do. Pure text."""

from __future__ import annotations

from . import format as fmt

LOCKED_BECAUSE = {
    "asked": "you locked it",
    "tab": "it was locked from another tab",
    "idle": "nobody used the desk for the time you set",
    "hidden": "no tab of the desk was in sight for the time you set",
    "sleep": "the computer slept, or the browser froze this tab",
    "frozen": "the browser froze this tab",
}

WHILE_LOCKED = (
    # what, goes on, how
    ("Market data: quotes, books, trades, bars", True, "goes on; it starts anew within a second or two, because the worker that held the keys ends"),
    ("The recording that plays", True, "goes on from where it was, at its speed"),
    ("Stops and limits that rest at a venue", True, "the venue keeps them: they work and fill there, and the desk learns of it after unlocking"),
    ("Paper orders and paper stops", False, "rest: the paper venue is a part of the desk. They work again after unlocking, against the market of that moment"),
    ("New orders, changes and cancels", False, "refused, from every tab"),
    ("Fills, positions, cash, history", False, "not shown, and not in any page's memory as far as this desk can see to it"),
    ("Sign-ins and venue keys", False, "not usable: they lie in the vault"),
    ("Exports and reminders", False, "none is made"),
)

IDLE_CHOICES = (60, 300, 600, 900, 1800, 3600, 4 * 3600, None)
HIDDEN_CHOICES = (60, 300, 600, 900, 1800, 3600, 4 * 3600, None)

KINDS = {
    "passphrase": ("Passphrase", "what you type"),
    "recovery": ("Recovery code", "printed or written down, for when the passphrase is lost"),
    "passkey": ("Passkey", "this device, a phone or a security key; never the only way in"),
}

RELATIONS = {
    "new": "not here yet: all of it is taken",
    "same": "the same here and in the file",
    "longer": "the file goes on where the one here ends",
    "shorter": "the one here goes on where the file ends",
    "diverged": "both go on differently from some point: choose one",
    "mixed": "records differ: choose what wins",
    "kind": "another kind of record than here: choose one",
    "bound": "only the vault that wrote it can use it: left out",
    "empty": "nothing in the file",
}
CHOICES = {"merge": "Take both by the rules", "vault": "Keep what is here", "file": "Take the file's"}

STRENGTH = ("very weak", "weak", "fair", "good", "strong")
ENOUGH = 3
_GUESSES_A_SECOND = 4  # decimal exponent: a machine made for it, against the stretching this vault uses
_SPANS = ((60, "a minute"), (3600, "an hour"), (86_400, "a day"), (7 * 86_400, "a week"), (30 * 86_400, "a month"), (365 * 86_400, "a year"))


def locked_because(lock: dict | None) -> str:
    """'Locked because you locked it, 14:03:22.' from a ``lock`` message, or nothing."""
    if not lock or lock.get("why") not in LOCKED_BECAUSE:
        return ""
    at = f", {fmt.clock(int(lock['at_ns']))}" if lock.get("at_ns") else ""
    return f"Locked because {LOCKED_BECAUSE[lock['why']]}{at}."


def duration(seconds: int | None) -> str:
    """'1 minute', '4 hours', 'never'."""
    if seconds is None:
        return "never"
    for unit, name in ((3600, "hour"), (60, "minute")):
        if seconds % unit == 0 and seconds >= unit:
            return fmt.plural(seconds // unit, name)
    return fmt.plural(seconds, "second")


def strength(found: dict) -> tuple[str, str, list[str]]:
    """Word, tone and sentences for a measured passphrase: ``score`` 0 to 4, ``guesses`` as a decimal exponent, why and what to do."""
    score = max(0, min(4, int(found["score"])))
    sentences = [f"A machine made for guessing would find it in {guessing_time(found['guesses'])}."]
    if found.get("warning"):
        sentences.append(found["warning"])
    sentences += found.get("suggestions") or ()
    if score < ENOUGH and not found.get("suggestions"):
        sentences.append("Use four or more words that have nothing to do with each other.")
    return STRENGTH[score], ("bad", "bad", "warn", "good", "good")[score], sentences


def guessing_time(exponent: float) -> str:
    """How long 10^exponent guesses take, in words."""
    power = exponent - _GUESSES_A_SECOND
    if power > 14:
        return "longer than there have been people"
    seconds = 10**power
    for limit, name in _SPANS:
        if seconds < limit:
            return f"less than {name}"
    years = seconds / (365 * 86_400)
    return f"about {fmt.number(round(years))} years" if years < 1000 else "thousands of years" if years < 1e6 else "millions of years"


def kdf(slot: dict) -> str:
    """How a slot's secret is stretched, in words."""
    how = slot.get("kdf") or {}
    name = str(how.get("name") or "")
    if name.lower().startswith("argon2"):
        return f"{name}, {how.get('memory_kib', 0) // 1024} MiB, {fmt.plural(how.get('iterations', 0), 'pass', 'passes')}"
    if name.upper().startswith("PBKDF2"):
        return f"{name}, {fmt.number(how.get('iterations', 0))} rounds"
    return name or "as the device does it"


def slot_name(slot: dict) -> str:
    """The label, or the kind where there is none."""
    return slot.get("label") or KINDS.get(slot["kind"], (slot["kind"],))[0]


def slots_advice(slots: list[dict], rekey_due: bool = False) -> str:
    """What is missing to be safe from losing the vault, or from a key used too much; nothing when nothing is."""
    if rekey_due:
        return "A key has sealed so much that it should be replaced: make new keys for everything."
    kinds = {slot["kind"] for slot in slots}
    if "recovery" not in kinds:
        return "There is no recovery code yet: who forgets the passphrase loses everything in the vault. Make one and keep it on paper."
    return ""


def verified(found: dict) -> tuple[str, str]:
    """Sentence and tone for what a health check found."""
    checked = f"{fmt.plural(found['records'], 'record')} opened and verified in {found['seconds']:.1f} s."
    if not found["damaged_count"]:
        return f"{checked} Every one is as it was last written; none is missing and none is too many.", "good"
    return f"{checked} {fmt.plural(found['damaged_count'], 'record')} damaged: listed below, kept as they are.", "bad"


def second_copy(copy: dict | None) -> str:
    """Where the second copy of the vault is, or why there is none."""
    if copy is None or not copy["kept"]:
        why = f" ({copy['why']})" if copy is not None and copy["why"] else ""
        return f"none: this browser gives the desk no file of its own{why}. Exports are the only one"
    return f"{fmt.size(copy['bytes'])} in a file of its own, {'written before' if copy['ahead'] else 'written beside'} the database"


def put_back(found: dict | None, mended: int = 0) -> str:
    """What came back from the second copy; empty when nothing had to."""
    if not found:
        return f"{fmt.plural(mended, 'damaged record')} {'was' if mended == 1 else 'were'} put right from the second copy." if mended else ""
    lost = "The browser had lost its database" if found["lost"] else "Its database had gone back to an earlier state"
    written = fmt.stamp(found["modified_ms"] * 1_000_000)
    return f"{lost}: {fmt.plural(found['records'], 'record')} came back from the second copy, written last {written}."


def exported(found: dict) -> str:
    """What an export did."""
    damaged = f" {fmt.plural(found['damaged'], 'damaged record')} could not be put in." if found.get("damaged") else ""
    return (
        f"{found['name']} is made: {fmt.plural(found['records'], 'record')}, {fmt.size(found['bytes'])}, encrypted.{damaged} "
        "Keep it somewhere else than on this computer."
    )


def restored(found: dict) -> str:
    """What a restore did."""
    taken = sum(found["taken"].values())
    aside = f" {fmt.plural(found['set_aside'], 'record')} that had to give way are kept aside in the vault." if found.get("set_aside") else ""
    return f"{fmt.plural(taken, 'record')} taken from the file, all at once.{aside}"


def last_export(backup: dict, now_ns: int) -> str:
    """When the last export was made and what has happened since."""
    if not backup.get("exported_ns"):
        return "No export of this vault has been made in this browser yet."
    since = backup.get("orders_since")
    orders = f", {fmt.plural(since, 'order')} ago" if since else ""
    size = f", {fmt.size(backup['bytes'])}" if backup.get("bytes") else ""
    return f"Last export {fmt.age((now_ns - backup['exported_ns']) / 1e6)} ago{orders}{size}."
