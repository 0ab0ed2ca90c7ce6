// How hard a passphrase is to guess, by zxcvbn. A worker of its own: its dictionaries and every text it saw are gone when it ends.

importScripts("../../vendor/zxcvbn/core.js", "../../vendor/zxcvbn/common.js", "../../vendor/zxcvbn/en.js");

const { core, "language-common": common, "language-en": english } = self.zxcvbnts;
const dictionary = { ...common.dictionary, ...english.dictionary };
const estimator = new core.ZxcvbnFactory({ dictionary, graphs: common.adjacencyGraphs, translations: english.translations });
const OWN_WORDS = ["kontor", "vault", "trading", "desk"];

onmessage = ({ data: { id, secret } }) => {
  const { score, guessesLog10, feedback } = estimator.check(new TextDecoder().decode(secret), OWN_WORDS);
  secret.fill(0);
  postMessage({ id, text: JSON.stringify({ score, guesses: guessesLog10, warning: feedback.warning ?? "", suggestions: feedback.suggestions }) });
};
