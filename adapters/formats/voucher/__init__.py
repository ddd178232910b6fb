"""MOF vouchers (支付电子化凭证) in GBK: payments, letters and papers, and their return copies."""
