// 预算单位（或渠道）的客户端，只用 node 20.18 以上自带的模块。 An agency's (or channel's) client, with nothing
// but node 20.18 or newer. 用法 usage (settings come from the environment, see docs/agency.md):
//   node agency.mjs send FILE...                  发送指令或凭证 send instructions (.json) or envelopes (.xml)
//   node agency.mjs ask 220000000/2026/8202/NO    查询一笔并核验证据 ask after one and check its evidence
//   node agency.mjs news                          取后续通知 fetch notifications, then acknowledge them
import crypto from 'node:crypto';
import fs from 'node:fs';
import https from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { receipt, record } from './proof.mjs';

const { GATEWAY, PEER, TLS_CERT, TLS_KEY, TRANSPORT_CA } = process.env;
const { SIGN_CERT, SIGN_KEY, KEY_PASSPHRASE, BANK_CERT, BUREAU_CERT } = process.env;
const TRIES = 8;
const certificate = (file) => new crypto.X509Certificate(fs.readFileSync(file));
const [bank, bureau] = [certificate(BANK_CERT), certificate(BUREAU_CERT)];

const agent = new https.Agent({
  keepAlive: true,
  cert: fs.readFileSync(TLS_CERT),
  key: fs.readFileSync(TLS_KEY),
  passphrase: KEY_PASSPHRASE,
  ca: fs.readFileSync(TRANSPORT_CA),
  minVersion: 'TLSv1.3',
  // 信任锚就是传输机构本身，而非离线的根。 The anchor is the transport authority itself, no root above it.
  allowPartialTrustChain: true,
  // 对方是谁由证书中的 URI 决定。 Who answers is told by the one URI of its certificate.
  checkServerIdentity: (_host, { subjectaltname }) =>
    subjectaltname.split(', ').includes(`URI:${PEER}`) ? undefined : new Error(`this is not ${PEER}`),
});

const signing = {
  key: crypto.createPrivateKey({ key: fs.readFileSync(SIGN_KEY), passphrase: KEY_PASSPHRASE }),
  dsaEncoding: 'ieee-p1363', // r‖s，64 字节，不是 DER。 64 bytes, not DER
};
const thumbprint = crypto.createHash('sha256').update(certificate(SIGN_CERT).raw).digest('base64url');
const header = Buffer.from(
  JSON.stringify({ alg: 'ES256', b64: false, crit: ['b64'], 'x5t#S256': thumbprint }),
).toString('base64url');

// 分离式 JWS：头、点、报文原字节。 Detached JWS over header, dot and the very bytes (RFC 7797).
function signature(raw) {
  const input = Buffer.concat([Buffer.from(`${header}.`), raw]);
  return `${header}..${crypto.sign('sha256', input, signing).toString('base64url')}`;
}

function call(method, path, raw, type) {
  const headers = raw
    ? { 'Content-Type': type, 'Content-Length': raw.length, 'Signature-JWS': signature(raw) }
    : {};
  return new Promise((resolve, reject) => {
    const request = https.request(new URL(path, GATEWAY), { method, headers, agent, timeout: 15_000 });
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.on('error', reject);
    request.on('response', (answer) => {
      const chunks = [];
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks) }));
    });
    request.end(raw);
  });
}

// 没有答复或 5xx：原样重发同一字节，绝不换号。 Silence and 5xx: the same bytes again, never a new number.
async function surely(method, path, raw, type) {
  let failed;
  for (let turn = 0; turn < TRIES; turn++) {
    try {
      const answer = await call(method, path, raw, type);
      if (answer.status < 500) return answer;
      failed = new Error(`${answer.status} ${answer.body}`);
      await sleep(1000 * Number(answer.headers['retry-after'] ?? 2));
    } catch (error) {
      failed = error;
      await sleep(500 * 2 ** turn);
    }
  }
  throw failed; // 结果不明：稍后再发同一字节。 Not known: send the same bytes later.
}

const VERDICTS = { passed: '放行', held: '挂起待核实', blocked: '拦截' };
const BANKS = { accepted: '已支付', rejected: '银行拒付', not_taken: '银行未受理', unknown: '支付结果待查，请勿重发' };

function tell(key, outcome, word, answer) {
  const paid = word ? `，${BANKS[word]} ${answer.bank_reference ?? answer.bank_reason ?? ''}` : '';
  console.log(`${key} ${VERDICTS[outcome]}${paid}`);
  for (const finding of answer.findings) {
    console.log(`  ${finding.policy} ${finding.title_zh}（${finding.article}）${finding.detail && `明细${finding.detail} `}`);
    console.log(`    ${finding.reason_zh}`);
    for (const paper of finding.missing) console.log(`    缺少：${paper.zh}`);
    console.log(`    处理办法：${finding.remedy_zh}`);
  }
}

function tellFault(problem) {
  console.log(`不予受理 ${problem.code}：${problem.title_zh}（${problem.detail}）`);
  for (const error of problem.errors) console.log(`  ${error.field}：${error.zh}`);
  console.log(`  处理办法：${problem.remedy_zh}`);
}

async function send(file) {
  const raw = fs.readFileSync(file); // 签名与发送同一段字节。 What is signed is what is sent
  if (file.endsWith('.xml')) return sendVoucher(raw);
  const answer = await surely('POST', '/v1/instructions', raw, 'application/json');
  const told = JSON.parse(answer.body);
  if (answer.status !== 200) return tellFault(told);
  const proven = receipt(told.receipt, bank);
  const digest = crypto.createHash('sha256').update(raw).digest('hex');
  if (proven.digest !== digest || proven.instruction !== told.instruction || proven.outcome !== told.outcome)
    throw new Error('回执与答复不符 the receipt is about something else');
  tell(told.instruction, told.outcome, told.bank, told);
  console.log('  受理回执已核验 receipt verified');
}

// 凭证的答复是回单，GBK。 A voucher is answered by its return copy, in GBK.
async function sendVoucher(raw) {
  const answer = await surely('POST', '/v1/vouchers', raw, 'application/xml');
  const gbk = new TextDecoder('gbk');
  const text = gbk.decode(answer.body);
  const element = (name, within) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(within)?.[1] ?? '';
  console.log(`回单 ${element('Attach', text)}`);
  if (answer.status !== 200) return console.log(element('Return_Reason', text) || text);
  const inner = gbk.decode(Buffer.from(element('Voucher', text), 'base64'));
  for (const [, detail] of inner.matchAll(/<Detail>(.*?)<\/Detail>/gs))
    console.log(`  明细${element('Id', detail)} ${element('XAgentBusinessNo', detail)} ${element('XAddWord', detail)}`);
}

async function ask(key) {
  const answer = await surely('GET', `/v1/instructions/${key}`);
  const told = JSON.parse(answer.body);
  if (answer.status !== 200) return tellFault(told);
  tell(key, told.outcome, told.bank, told);
  if (told.hold) console.log(`  挂起状态 ${told.hold.state}`);
  for (const item of told.evidence) {
    const { fields, size, witnessed } = record(item, bank, bureau);
    const seen = witnessed ? `，财政见证于 ${new Date(witnessed * 1000).toISOString()}` : '，尚未见证';
    console.log(`  第${item.seq}条记录 ${fields.kind} 已核验（日志共${size}条${seen}）`);
  }
  if (!told.evidence.length) console.log('  记录尚未入日志，数秒后再查 not sealed yet, ask again');
}

async function news() {
  const { notifications } = JSON.parse((await surely('GET', '/v1/notifications')).body);
  for (const { subject, body } of notifications) console.log(`${subject} ${body.kind} ${JSON.stringify(body)}`);
  if (!notifications.length) return;
  // 先存妥，再签收；只有单位自己能签收。 Keep them first, then say that you have them: the agency itself does
  const raw = Buffer.from(JSON.stringify({ ids: notifications.map(({ id }) => id) }));
  const answer = await surely('POST', '/v1/notifications/acknowledge', raw, 'application/json');
  if (answer.status !== 200) tellFault(JSON.parse(answer.body));
  else console.log(`已签收 ${JSON.parse(answer.body).acknowledged.length} 条 acknowledged`);
}

const [act, ...rest] = process.argv.slice(2);
if (act === 'send') for (const file of rest) await send(file);
else if (act === 'ask') for (const key of rest) await ask(key);
else if (act === 'news') await news();
else throw new Error('send FILE... | ask KEY... | news');
agent.destroy();
