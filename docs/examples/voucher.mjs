// 把一笔 JSON 指令写成 8202 或 5201 的 MOF 信封（GBK）。 A single JSON instruction as the envelope of an 8202
// or 5201, in GBK. 用法 usage: node voucher.mjs instruction.json envelope.xml
import fs from 'node:fs';

// node 只会解 GBK，不会编：把解码表倒过来。 node decodes GBK and does not encode it: turn its table round.
const codes = new Map();
for (let high = 0x81; high <= 0xfe; high++)
  for (let low = 0x40; low <= 0xfe; low++) {
    const character = new TextDecoder('gbk').decode(Uint8Array.of(high, low));
    if (character.length === 1 && character !== '\ufffd' && !codes.has(character)) codes.set(character, [high, low]);
  }
const gbk = (text) =>
  Buffer.from(
    [...text].flatMap((character) => {
      if (character < '\x80') return [character.charCodeAt(0)];
      if (!codes.has(character)) throw new Error(`GBK 中没有这个字 GBK has no ${character}`);
      return codes.get(character);
    }),
  );

const escaped = (text) => String(text ?? '').replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
const elements = (fields) =>
  Object.entries(fields).map(([name, text]) => `<${name}>${escaped(text)}</${name}>`).join('');

export function envelope(order) {
  const { payer, payee, agency } = order;
  const direct = order.voucher_type === '5201';
  const id = `${order.voucher_type}-${order.fiscal_year}-${order.voucher_no}`;
  const line = { // 各明细与表头相同：一张凭证一条预算线 in header and details alike
    FundTypeCode: order.fund_code, FundTypeName: order.fund_code,
    AgencyCode: agency.code, AgencyName: agency.name,
    ExpFuncCode: order.functional_code, ExpFuncName: order.functional_code,
    ExpEcoCode: order.dept_economic_code, DepProCode: order.project_code,
    PayeeAcctNo: payee.account, PayeeAcctName: payee.name,
    PayeeAcctBankName: payee.bank_name, PayeeAcctBankNo: payee.bank_code,
    PayAmt: order.amount,
  };
  const header = {
    Id: id, AdmDivCode: order.division, StYear: order.fiscal_year, VtCode: order.voucher_type,
    VouDate: order.voucher_date.replaceAll('-', ''), VoucherNo: order.voucher_no,
    PayTypeCode: direct ? '11' : '12', PayTypeName: direct ? '财政直接支付' : '财政授权支付',
    SetModeCode: '1', SetModeName: '电子转账支付', BusinessTypeCode: '1', BusinessTypeName: '单笔业务',
    PayBankCode: payer.bank_code, PayBankName: '代理银行',
    PayAcctNo: payer.account, PayAcctName: payer.name, PayAcctBankName: '代理银行',
    PaySummaryName: order.purpose, ...line,
    Hold1: order.indicator_id, // 指标标识
    Hold2: order.contract_no ? `CT=${order.contract_no}` : '',
  };
  const detail = { Id: '1', VoucherBillId: id, VoucherBillNo: order.voucher_no, VoucherNo: `${order.voucher_no}-1`, ...line };
  const opening = '<?xml version="1.0" encoding="GBK"?>\n';
  const voucher = `${opening}<Voucher>${elements(header)}<DetailList><Detail>${elements(detail)}</Detail></DetailList></Voucher>`;
  const names = `AdmDivCode="${order.division}" StYear="${order.fiscal_year}" VtCode="${order.voucher_type}" VoucherNo="${order.voucher_no}"`;
  return gbk(
    `${opening}<MOF><VoucherCount>1</VoucherCount><VoucherBody ${names}><VoucherFlag>0</VoucherFlag>` +
      `<Attach></Attach><Voucher>${gbk(voucher).toString('base64')}</Voucher></VoucherBody></MOF>`,
  );
}

const [from, to] = process.argv.slice(2);
fs.writeFileSync(to, envelope(JSON.parse(fs.readFileSync(from))));
