// 银行核心一侧的最小实现（bank.wire = "json"）。 The least that a bank core does for the gateway, with nothing but
// node 20.18 or newer. 用法 usage: JOURNAL=journal.ndjson PORT=9443 node bank.mjs (settings: docs/bank-core.md)
import crypto from 'node:crypto';
import fs from 'node:fs';
import https from 'node:https';

const { TLS_CERT, TLS_KEY, TRANSPORT_CA, KEY_PASSPHRASE, GATEWAY_URI, JOURNAL } = process.env;
const PORT = Number(process.env.PORT);
const CLOSED = new Set((process.env.CLOSED_ACCOUNTS ?? '').split(','));
const REQUEST_MS = 10_000; // 比 bank.horizon_s 短：此后不再有迟到的请求 shorter than the horizon: later nothing arrives

// 日记账：先落盘，再答复。 The journal: on the disk before anything is answered. By key what was said last.
const said = new Map();
const entries = [];
if (fs.existsSync(JOURNAL)) {
  const kept = fs.readFileSync(JOURNAL);
  const whole = kept.subarray(0, kept.lastIndexOf('\n') + 1);
  // 断电时写了一半的末行从未答复过。 A last line that was cut short was never answered
  fs.truncateSync(JOURNAL, whole.length);
  for (const line of whole.toString().split('\n').slice(0, -1)) remember(JSON.parse(line));
}
const journal = fs.openSync(JOURNAL, 'a');

function remember(line) {
  said.set(line.key, line.answer);
  entries.push(...(line.entries ?? []));
}

function keep(line) {
  fs.writeSync(journal, `${JSON.stringify(line)}\n`);
  fs.fsyncSync(journal);
  remember(line);
  return line.answer;
}

// 读出付款要素；字节与单位签名的完全相同。 What to pay; the bytes are the very ones that the agency signed.
function order(raw, type) {
  if (type.startsWith('application/json')) {
    const { payer, payee, amount, details = [] } = JSON.parse(raw);
    const one = { payee, amount };
    return { account: payer.account, payments: details.length ? details : [one] };
  }
  const gbk = new TextDecoder('gbk');
  const inner = gbk.decode(Buffer.from(/<Voucher>([^<]*)</.exec(gbk.decode(raw))[1], 'base64'));
  const element = (name, text) => new RegExp(`<${name}>([^<]*)<`).exec(text)?.[1];
  const payments = [...inner.matchAll(/<Detail>(.*?)<\/Detail>/gs)].map(([, detail]) => ({
    amount: element('PayAmt', detail),
    payee: { account: element('PayeeAcctNo', detail), name: element('PayeeAcctName', detail) },
  }));
  return { account: element('PayAcctNo', inner), payments };
}

// 一笔只办一次：同一键再来，答复同前。 A key takes effect once: again, it is answered as the first time.
function pay(key, raw, type) {
  if (said.has(key)) return said.get(key);
  let what;
  try {
    what = order(raw, type);
  } catch {
    // 读不懂也要明说拒付：别的答复一律视为“结果不明”。 Anything but a clear word is taken as "unknown"
    return keep({ key, answer: { key, outcome: 'rejected', reason: '报文无法识别，未支付' } });
  }
  if (what.payments.some(({ payee }) => CLOSED.has(payee.account)))
    return keep({ key, answer: { key, outcome: 'rejected', reason: '收款账户已销户' } });
  const reference = `JH${String(said.size + 1).padStart(12, '0')}`;
  const booked = what.payments.map(({ payee, amount }, place) => ({
    division: key.slice(0, 9),
    id: `${reference}-${place + 1}`,
    booked_at: new Date().toISOString(),
    account: what.account,
    direction: 'debit',
    amount,
    instruction: key,
    reference,
    counter_account: payee.account,
    counter_name: payee.name,
  }));
  return keep({ key, answer: { key, outcome: 'accepted', reference }, entries: booked });
}

// 查无此笔，就从此作废：“查无”即“永不生效”。 Not found is made to mean never: the key is closed for good.
function enquire(key) {
  const answer = said.get(key);
  if (answer && !answer.never) return [200, answer];
  if (!answer) keep({ key, answer: { key, outcome: 'rejected', reason: '已答复查无此笔', never: true } });
  return [404, { key, outcome: 'not_found' }];
}

function recall({ key, recall }) {
  return { key, recall, outcome: 'refused', reason: '款项已入收款人账户，请联系收款人退回' };
}

function page(after, limit) {
  const rows = entries.slice(after, after + limit);
  return { after: rows.length ? String(after + rows.length) : null, entries: rows };
}

function answer(method, url, headers, raw) {
  const { pathname, searchParams } = new URL(url, 'https://bank');
  const key = headers['instruction-key'];
  if (method === 'POST' && pathname === '/v1/payments') return [200, pay(key, raw, headers['content-type'])];
  if (method === 'GET' && pathname.startsWith('/v1/payments/')) return enquire(pathname.slice('/v1/payments/'.length));
  if (method === 'POST' && pathname === '/v1/recalls') return [200, recall(JSON.parse(raw))];
  if (method === 'GET' && pathname === '/v1/entries')
    return [200, page(Number(searchParams.get('after')), Number(searchParams.get('limit')))];
  return [404, { error: 'no such address' }];
}

// 只有网关可以下令付款。 Only the gateway gives orders. TLS has proven that the peer holds this certificate's key;
// a server of node takes no authority without its root as an anchor, so that is looked at here.
const authorities = fs.readFileSync(TRANSPORT_CA, 'utf8').match(/-----BEGIN[^]+?-----END CERTIFICATE-----/g)
  .map((pem) => new crypto.X509Certificate(pem));
const CLIENT = '1.3.6.1.5.5.7.3.2';
function isGateway(socket) {
  const shown = socket.getPeerCertificate();
  if (!shown.raw) return false;
  const peer = new crypto.X509Certificate(shown.raw);
  const now = new Date();
  return (
    authorities.some((authority) => peer.checkIssued(authority) && peer.verify(authority.publicKey)) &&
    new Date(peer.validFrom) <= now && now <= new Date(peer.validTo) &&
    peer.keyUsage.includes(CLIENT) &&
    peer.subjectAltName.split(', ').includes(`URI:${GATEWAY_URI}`)
  );
}

const server = https.createServer({
  cert: fs.readFileSync(TLS_CERT),
  key: fs.readFileSync(TLS_KEY),
  passphrase: KEY_PASSPHRASE,
  ca: fs.readFileSync(TRANSPORT_CA),
  minVersion: 'TLSv1.3',
  requestCert: true,
  rejectUnauthorized: false, // 由 isGateway 判定 judged by isGateway
}, (request, response) => {
  if (!isGateway(request.socket)) return request.socket.destroy();
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const [status, body] = answer(request.method, request.url, request.headers, Buffer.concat(chunks));
    const text = JSON.stringify(body);
    response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) });
    response.end(text);
  });
});
server.requestTimeout = REQUEST_MS;
server.keepAliveTimeout = 60_000; // 网关闲置 30 秒才弃用一条连接 the gateway gives an idle connection up after 30 s
server.listen(PORT, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
