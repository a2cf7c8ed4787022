// Tells the application that a hook's moment has come: POST ${TESTAPP_URL}/hooks/<name>, with what the worker says
// about the moment (REKEY_...) as its body. Exits 0 only when the application answered with success.
const name = process.argv[2];
const base = process.env.TESTAPP_URL;
if (!name || !base) {
  console.error('usage: TESTAPP_URL=http://... node call.mjs <hook>');
  process.exit(2);
}
const about = Object.fromEntries(
  Object.entries(process.env).filter(([key]) => /^REKEY_(PLAN|PHASE|MOMENT|KEY)$/.test(key)),
);
try {
  const response = await fetch(`${base}/hooks/${encodeURIComponent(name)}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(about),
  });
  console.log(`${name}: ${response.status}`);
  process.exitCode = response.ok ? 0 : 1;
} catch (error) {
  console.error(`${name}: no answer from the application (${error.cause?.code ?? error.message})`);
  process.exitCode = 1;
}
