// One or two TLS connections with node's own client. argv[2]: the options as JSON; says what came of the last
// connection as JSON. Ends by itself when the server does.
'use strict';
const tls = require('tls');
const fs = require('fs');
const offer = JSON.parse(process.argv[2]);
const options = {
  host: offer.host, port: offer.port, servername: offer.name, ca: fs.readFileSync(offer.ca),
  minVersion: offer.min, maxVersion: offer.max, enableTrace: offer.trace,
};
if (offer.ciphers) options.ciphers = offer.ciphers;
if (offer.groups) options.ecdhCurve = offer.groups;
if (offer.alpn) options.ALPNProtocols = [offer.alpn];
if (offer.cert) {
  options.cert = fs.readFileSync(offer.cert);
  options.key = fs.readFileSync(offer.key);
}

function connect(session, done) {
  const outcome = { greeting: '', openssl: process.versions.openssl };
  let kept;
  const socket = tls.connect({ ...options, session }, () => {
    const group = socket.getEphemeralKeyInfo() || {};
    Object.assign(outcome, {
      version: socket.getProtocol(), cipher: socket.getCipher().name, group: group.name || group.type || null,
      alpn: socket.alpnProtocol || '', resumed: socket.isSessionReused(),
    });
    kept = kept || socket.getSession();
  });
  socket.on('session', (fresh) => { kept = fresh; });
  socket.on('data', (data) => { outcome.greeting += data; });
  socket.on('error', (error) => { outcome.error = `${error.code} ${error.message}`; });
  socket.on('close', () => done(outcome, kept));
}

const tell = (outcome) => console.log(JSON.stringify(outcome));
connect(undefined, (outcome, session) => {
  if (offer.again && !outcome.error) connect(session, tell);
  else tell(outcome);
});
