// 监控记录入库：先核验，后落表。 Monitoring records into a warehouse: proven first, then written as tables.
// 用法 usage: BANK_CERT=bank.pem BUREAU_CERT=bureau.pem node warehouse.mjs DAY_FOLDER OUT_FOLDER
// DAY_FOLDER 由 `treasury-gateway export day` 写出。 It writes CSV files and load.sql (PostgreSQL and SQLite).
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { Tree, checkpoint, unambiguous } from './proof.mjs';

const [folder, out] = process.argv.slice(2);
const certificate = (file) => new crypto.X509Certificate(fs.readFileSync(file));
const [bank, bureau] = [certificate(process.env.BANK_CERT), certificate(process.env.BUREAU_CERT)];
const read = (name) => fs.readFileSync(path.join(folder, name));

// 1. 首尾检查点都有双方签名；frontier 是起点那棵树。 Both ends are signed by both; the frontier is the start's tree.
function proven() {
  const end = checkpoint(read('checkpoint').toString(), bank, bureau);
  // 日志的第一段没有 previous 和 frontier。 The first stretch of a log has neither previous nor frontier.
  const before = fs.existsSync(path.join(folder, 'previous')) ? read('previous').toString() : '';
  const start = before ? checkpoint(before, bank, bureau) : { size: 0, origin: end.origin, witnessed: 0 };
  if (end.witnessed === null || start.witnessed === null) throw new Error('not cosigned by the bureau');
  if (start.origin !== end.origin) throw new Error('two logs');
  const frontier = before ? read('frontier').toString().split('\n').filter(Boolean) : [];
  const tree = new Tree(start.size, frontier.map((line) => Buffer.from(line, 'base64')));
  if (start.root && !tree.root().equals(start.root)) throw new Error('the frontier is not the start');
  // 2. 逐条并入，序号连续，最后的根必须一致。 Every record, numbers without a gap, and the very root at the end.
  const records = [];
  const raw = read('records.ndjson');
  for (let from = 0, to; (to = raw.indexOf(10, from)) >= 0; from = to + 1) {
    const fields = unambiguous(raw.subarray(from, to));
    if (fields.seq !== tree.size) throw new Error(`record ${fields.seq} stands where ${tree.size} must`);
    tree.append(raw.subarray(from, to));
    records.push(fields);
  }
  if (tree.size !== end.size || !tree.root().equals(end.root))
    throw new Error('records are missing, altered or not of this log');
  return records;
}

// 3. 落表。金额是分（整数），时刻是 UTC 微秒。 Tables. Money is integer fen, moments are UTC microseconds.
const instant = (microseconds) => new Date(microseconds / 1000).toISOString();
const key = (record) => `${record.division}/${record.fiscal_year}/${record.voucher_type}/${record.voucher_no}`;
const verdict = (r) => ({
  seq: r.seq, instruction: key(r), recorded_at: instant(r.recorded_at), agency: r.agency.code,
  agency_name: r.agency.name, amount_fen: r.amount_fen, outcome: r.outcome,
  payer_account: r.payer.account, functional_code: r.functional_code,
  dept_economic_code: r.dept_economic_code, purpose: r.purpose, digest: r.digest,
});
const findings = (r) => r.findings.map((f) => ({
  seq: r.seq, instruction: key(r), policy: f.policy, revision: f.revision, article: f.article,
  action: f.action, light: f.light, detail: f.detail, title_zh: f.title_zh, reason_zh: f.reason_zh,
}));
const outcome = (r) => ({
  seq: r.seq, instruction: key(r), recorded_at: instant(r.recorded_at), bank_outcome: r.bank_outcome,
  reference: r.reference, reason: r.reason, how: r.how,
});
const any = (r) => ({ seq: r.seq, kind: r.kind, recorded_at: r.recorded_at ? instant(r.recorded_at) : null, body: JSON.stringify(r) });

const of = (records, kind) => records.filter((record) => record.kind === kind);
// 单位填写的文字不得被 Excel 当作公式。 What an agency wrote is no formula for Excel
const csv = (value) => {
  if (value === null || value === undefined) return '';
  const text = String(value).replace(/^[=+\-@\t\r]/, "'$&");
  return `"${text.replaceAll('"', '""')}"`;
};
const sql = (value) =>
  value === null || value === undefined ? 'NULL'
    : typeof value === 'number' ? String(value) : `'${value.replaceAll("'", "''")}'`;

const records = proven();
const tables = {
  records: records.map(any),
  verdicts: of(records, 'verdict').map(verdict),
  findings: of(records, 'verdict').flatMap(findings),
  bank_outcomes: of(records, 'bank_outcome').map(outcome),
};
fs.mkdirSync(out, { recursive: true });
let load = 'BEGIN;\n';
for (const [name, rows] of Object.entries(tables)) {
  if (!rows.length) continue;
  const columns = Object.keys(rows[0]);
  const lines = [columns.join(','), ...rows.map((row) => columns.map((column) => csv(row[column])).join(','))];
  // 带 BOM，Excel 才认得 UTF-8。 With a byte order mark, so that Excel takes it for UTF-8
  fs.writeFileSync(path.join(out, `${name}.csv`), `\ufeff${lines.join('\r\n')}\r\n`);
  const types = columns.map((column) => `${column} ${/^(seq|amount_fen|revision)$/.test(column) ? 'BIGINT' : 'TEXT'}`);
  load += `CREATE TABLE IF NOT EXISTS ${name} (${types.join(', ')});\n`;
  load += `DELETE FROM ${name} WHERE seq BETWEEN ${records[0].seq} AND ${records.at(-1).seq};\n`; // 重跑不重复
  for (const row of rows) load += `INSERT INTO ${name} VALUES (${columns.map((column) => sql(row[column])).join(', ')});\n`;
}
fs.writeFileSync(path.join(out, 'load.sql'), `${load}COMMIT;\n`);
console.log(`已核验 ${records.length} 条 proven; ${Object.entries(tables).map(([n, r]) => `${n} ${r.length}`).join(', ')}`);
