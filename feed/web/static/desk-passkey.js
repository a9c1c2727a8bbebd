/* Passkeys (WebAuthn): add one, or sign in by one. Each form.passkey asks its data-begin for options,
   has the browser answer, and sends the answer in its field `credential`. Beside a field that may be
   filled with a passkey (autocomplete="… webauthn"), the browser suggests them there, too. */
const RENEW = 240_000; // milliseconds; the server's challenges are good for five minutes

const bytes = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const text = (buffer) =>
  buffer && btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

function readable(options) {
  const known = (list) => list?.map((each) => ({ ...each, id: bytes(each.id) }));
  return {
    ...options,
    challenge: bytes(options.challenge),
    ...(options.user && { user: { ...options.user, id: bytes(options.user.id) } }),
    allowCredentials: known(options.allowCredentials),
    excludeCredentials: known(options.excludeCredentials),
  };
}

function sendable({ id, rawId, type, response }) {
  const parts = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];
  const sent = Object.fromEntries(parts.map((name) => [name, text(response[name])]));
  sent.transports = response.getTransports?.();
  return JSON.stringify({ id, rawId: text(rawId), type, response: sent });
}

// The sentence of a form for what went wrong: an error of the browser, or a status of the server.
const SENTENCES = {
  NotAllowedError: "cancelled", SecurityError: "elsewhere", InvalidStateError: "known", 429: "many",
};

function offer(form) {
  const note = form.querySelector("[role=status]");
  const { begin, kind } = form.dataset;
  let running = new AbortController();
  let isAsked = false; // by the button, not only suggested
  let timer = 0;

  async function ask(more) {
    running.abort();
    running = new AbortController();
    const { signal } = running;
    const answer = await fetch(begin, { method: "POST", body: new FormData(form), signal });
    if (answer.redirected) return location.assign(answer.url); // to prove first who one is
    if (!answer.ok) throw { name: answer.status };
    const publicKey = readable(await answer.json());
    const found = await navigator.credentials[kind]({ publicKey, signal, ...more });
    form.elements.credential.value = sendable(found);
    form.submit();
  }

  function suggest() {
    clearTimeout(timer);
    if (isAsked || document.hidden) return;
    timer = setTimeout(suggest, RENEW);
    ask({ mediation: "conditional" }).catch(() => {});
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    note.textContent = "";
    isAsked = true;
    try {
      await ask();
    } catch ({ name }) {
      if (name !== "AbortError") note.textContent = note.dataset[SENTENCES[name] ?? "failed"];
      isAsked = false;
      if (timer) suggest();
    }
  });

  form.hidden = false;
  if (!document.querySelector("[autocomplete~=webauthn]")) return;
  PublicKeyCredential.isConditionalMediationAvailable?.().then((can) => {
    if (!can) return;
    document.addEventListener("visibilitychange", suggest);
    suggest();
  });
}

if (window.PublicKeyCredential) document.querySelectorAll("form.passkey").forEach(offer);
