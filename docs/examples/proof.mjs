// 证明的核验，只用 node 自带的密码库。 Checking the gateway's proofs, with nothing but node's own crypto.
import crypto from 'node:crypto';

const sha256 = (...parts) => crypto.createHash('sha256').update(Buffer.concat(parts)).digest();
const keyId = (...parts) => sha256(...parts).subarray(0, 4);
const spki = (certificate) => certificate.publicKey.export({ type: 'spki', format: 'der' });
const COSIGNATURE = 'treasury-gateway/cosignature-p256-sha256/v1';

// base64 有且只有一种写法。 One spelling only: what verifies can be compared byte for byte.
function bytes(text, encoding = 'base64') {
  const raw = Buffer.from(text, encoding);
  if (raw.toString(encoding) !== text) throw new Error(`not ${encoding}: ${text.slice(0, 40)}`);
  return raw;
}

// 紧凑 JWS（受理回执）：返回已证实的内容。 A compact JWS, such as `receipt`: its proven payload.
export function receipt(token, certificate) {
  const [header, payload, signature] = token.split('.');
  const { alg, 'x5t#S256': named } = JSON.parse(bytes(header, 'base64url'));
  const own = sha256(certificate.raw).toString('base64url');
  const key = { key: certificate.publicKey, dsaEncoding: 'ieee-p1363' };
  const signed = Buffer.from(`${header}.${payload}`);
  if (alg !== 'ES256' || named !== own) throw new Error('the receipt names another key');
  if (!crypto.verify('sha256', signed, key, bytes(signature, 'base64url')))
    throw new Error('the receipt is not signed by the gateway');
  return JSON.parse(bytes(payload, 'base64url'));
}

// 检查点：代理银行签名、财政部门见证。 A checkpoint: signed by the bank, cosigned by the bureau.
export function checkpoint(note, bank, bureau) {
  const end = note.indexOf('\n\n');
  const [text, lines] = [note.slice(0, end + 1), note.slice(end + 2).trimEnd().split('\n')];
  const [origin, size, root] = text.split('\n');
  let signed = false, witnessed = null;
  for (const line of lines) {
    const [, name, encoded] = /^— (\S+) (\S+)$/.exec(line);
    const blob = bytes(encoded);
    const id = blob.subarray(0, 4);
    if (name === origin && id.equals(keyId(spki(bank))))
      signed = crypto.verify('sha256', Buffer.from(text), bank.publicKey, blob.subarray(4));
    const cosigner = [Buffer.from(`${name}\n`), Buffer.from([0xff]), Buffer.from(COSIGNATURE)];
    if (bureau && id.equals(keyId(...cosigner, spki(bureau)))) {
      const time = blob.readBigUInt64BE(4);
      const message = Buffer.from(`cosignature/v1\ntime ${time}\n${text}`);
      const key = { key: bureau.publicKey, dsaEncoding: 'ieee-p1363' };
      if (crypto.verify('sha256', message, key, blob.subarray(12))) witnessed = Number(time);
    }
  }
  if (!signed) throw new Error('the checkpoint is not signed by the bank');
  return { origin, size: Number(size), root: bytes(root), witnessed };
}

export const leaf = (record) => sha256(Buffer.from([0]), record);
export const node = (left, right) => sha256(Buffer.from([1]), left, right);

// 只有一种读法：键有序、不重复、无空格。 One reading only: sorted names, none twice, no spaces.
export function unambiguous(raw) {
  const fields = JSON.parse(raw);
  const sorted = (value) =>
    Array.isArray(value) ? value.map(sorted)
      : value && typeof value === 'object'
        ? Object.fromEntries(Object.keys(value).sort().map((name) => [name, sorted(value[name])]))
        : value;
  if (JSON.stringify(sorted(fields)) !== raw.toString()) throw new Error('the record can be read in two ways');
  return fields;
}

// 一条记录在日志中（RFC 9162 2.1.3.2）。 One element of `evidence`: the record is in the log.
export function record(evidence, bank, bureau) {
  const raw = bytes(evidence.record);
  const signed = checkpoint(evidence.checkpoint, bank, bureau);
  let [hash, index, last] = [leaf(raw), evidence.seq, signed.size - 1];
  for (const step of evidence.path.map((text) => bytes(text))) {
    if (last === 0) throw new Error('the path is too long');
    if (index % 2 === 1 || index === last) {
      hash = node(step, hash);
      while (index % 2 === 0 && index !== 0) [index, last] = [index / 2, Math.floor(last / 2)];
    } else hash = node(hash, step);
    [index, last] = [Math.floor(index / 2), Math.floor(last / 2)];
  }
  if (last !== 0 || !hash.equals(signed.root)) throw new Error('the record is not in the log');
  const fields = unambiguous(raw);
  if (fields.seq !== evidence.seq) throw new Error('the record is another number of the log');
  return { fields, ...signed };
}

// 整段日志：逐条并入 frontier。 A stretch: records one by one onto the frontier of a known size.
export class Tree {
  constructor(size, frontier) {
    this.size = size;
    this.roots = [];
    for (let height = Math.floor(Math.log2(size || 1)), at = 0; height >= 0; height--)
      if (Math.floor(size / 2 ** height) % 2) this.roots.push([height, frontier[at++]]);
    if (this.roots.length !== frontier.length) throw new Error('the frontier is of another size');
  }
  append(record) {
    let [height, hash] = [0, leaf(record)];
    while (this.roots.at(-1)?.[0] === height) [hash, height] = [node(this.roots.pop()[1], hash), height + 1];
    this.roots.push([height, hash]);
    this.size += 1;
  }
  root() {
    if (!this.size) return sha256(Buffer.alloc(0));
    return this.roots.map(([, hash]) => hash).reduceRight((right, left) => node(left, right));
  }
}
