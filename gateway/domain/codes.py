"""Closed lists of the field, each stored as its text and never renamed.

Division-specific code numbers (settlement `1`, account type `12`) are mapped to these at the door;
policies speak only of these.
"""

from enum import StrEnum


class Option(StrEnum):
    """An option whose hash is its text's: as fast, and equal where the texts are equal."""

    __hash__ = str.__hash__


class PaymentMethod(Option):
    """支付方式 (Art. 9): who orders the payment."""

    DIRECT = "direct"
    AUTHORIZED = "authorized"


class Settlement(Option):
    """结算方式 (Art. 9)."""

    TRANSFER = "transfer"
    CASH = "cash"
    CASH_CHEQUE = "cash_cheque"
    TRANSFER_CHEQUE = "transfer_cheque"
    OFFICIAL_CARD = "official_card"
    COLLECTION = "collection"


class BusinessType(Option):
    """业务类型 of a voucher."""

    SINGLE = "single"
    PAYROLL = "payroll"
    BATCH = "batch"
    OFFICIAL_CARD_REPAYMENT = "official_card_repayment"
    ADVANCE_REPAYMENT = "advance_repayment"


class PayeeKind(Option):
    """收款单位（人）性质 (Art. 9)."""

    ORGANISATION = "organisation"
    PERSON = "person"


class Exemption(Option):
    """The six exceptions of Art. 13(3) to the ban on transfers into real-fund accounts."""

    SERVICE_PURCHASE = "service_purchase"
    TAX_UNION_PAYROLL = "tax_union_payroll"
    STUDENT_AID = "student_aid"
    SOCIAL_INSURANCE = "social_insurance"
    ADVANCE_REPAYMENT = "advance_repayment"
    OTHER_APPROVED = "other_approved"


class CashReason(Option):
    """The scope of cash, Art. 13(2)1 items 1-8."""

    WAGES = "wages"
    PERSONAL_LABOUR = "personal_labour"
    PERSONAL_PRIZE = "personal_prize"
    WELFARE = "welfare"
    FARM_PURCHASE = "farm_purchase"
    PETTY = "petty"
    APPROVED_SPECIAL = "approved_special"


class AccountClass(Option):
    """账户类别, Art. 13(1); the basic deposit account is REAL_FUND with `is_basic`."""

    ZERO_BALANCE = "zero_balance"
    FISCAL_ZERO_BALANCE = "fiscal_zero_balance"
    REVENUE_COLLECTION = "revenue_collection"
    SPECIAL_PURPOSE = "special_purpose"
    REAL_FUND = "real_fund"
    OFFICIAL_CARD = "official_card"
    PERSONAL = "personal"


class AccountStatus(Option):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class AgencyStatus(Option):
    """SUSPENDED is the measure of Art. 21(4): 暂停拨付资金."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class AgencyKind(Option):
    ADMINISTRATIVE = "administrative"
    INSTITUTION = "institution"


class CarryOver(Option):
    """结转结余: RECOVERABLE money is to be returned and may not be spent (Art. 10(3)14)."""

    NONE = "none"
    RETAINED = "retained"
    RECOVERABLE = "recoverable"


class Expenditure(Option):
    BASIC = "basic"
    PROJECT = "project"


class PayeeClass(Option):
    """Payees that the bureau has listed as belonging to one of the exceptions of Art. 13(3)."""

    SOCIAL_INSURANCE = "social_insurance"
    MEDICAL_INSURANCE = "medical_insurance"
    OCCUPATIONAL_ANNUITY = "occupational_annuity"
    HOUSING_FUND = "housing_fund"
    TAX = "tax"
    TREASURY = "treasury"
    UNION = "union"
    PAYROLL = "payroll"
    STUDENT_AID = "student_aid"


class ApprovalKind(Option):
    """What the bureau (or, for CASH_BANK, the bank) has approved in writing."""

    ADVANCE_REPAYMENT = "advance_repayment"
    OTHER_TRANSFER = "other_transfer"
    CASH_FINANCE = "cash_finance"
    CASH_BANK = "cash_bank"
    CASH_SPECIAL = "cash_special"
    ADVANCE_FROM_OTHER_ACCOUNT = "advance_from_other_account"


class FilingKind(Option):
    SERVICE_PURCHASE = "service_purchase"
    SPECIAL_FUND_RULES = "special_fund_rules"


class ThreePublicCategory(Option):
    """三公经费 categories (Art. 19)."""

    ABROAD = "abroad"
    VEHICLES = "vehicles"
    RECEPTION = "reception"


class Element(Option):
    """The elements of Art. 9 that an instruction itself must carry."""

    AGENCY = "agency"
    PAYMENT_METHOD = "payment_method"
    SETTLEMENT = "settlement"
    PAYER_ACCOUNT = "payer_account"
    PAYER_NAME = "payer_name"
    PAYER_BANK = "payer_bank"
    PAYEE_ACCOUNT = "payee_account"
    PAYEE_NAME = "payee_name"
    PAYEE_BANK = "payee_bank"
    FUND_CODE = "fund_code"
    FUNCTIONAL_CODE = "functional_code"
    DEPT_ECONOMIC_CODE = "dept_economic_code"
    GOV_ECONOMIC_CODE = "gov_economic_code"
    PROJECT_CODE = "project_code"
    FISCAL_YEAR = "fiscal_year"
    PURPOSE = "purpose"


class Evidence(Option):
    """Papers that can stand behind a claimed exception: attached, filed or registered."""

    INVOICE = "invoice"
    CONTRACT = "contract"
    SERVICE_FILING = "service_filing"
    TENDER = "tender"
    PROJECT_PROPOSAL = "project_proposal"
    PROJECT_BUDGET = "project_budget"
    COMPLETION_REPORT = "completion_report"
    APPLICATION = "application"
    PAYROLL_LIST = "payroll_list"
    LEGAL_BASIS = "legal_basis"


class ItemKind(Option):
    """What a standard of Art. 19 is measured on."""

    MEETING = "meeting"
    TRAINING = "training"
    RECEPTION = "reception"
    LECTURE = "lecture"
    CONSULTING = "consulting"
    TRAVEL = "travel"


class Number(Option):
    """Numbers of an instruction that carry a check digit of their own (Art. 9, 16)."""

    PAYER_BANK = "payer_bank"
    PAYEE_BANK = "payee_bank"
    BANK_CARD = "bank_card"


class Relation(Option):
    """How the owner of the payee's registered account stands to the paying agency."""

    UNREGISTERED = "unregistered"
    OWN = "own"
    SUPERIOR = "superior"
    SUBORDINATE = "subordinate"
    OTHER_AGENCY = "other_agency"


class Register(Option):
    """The bureau's registers: each can be unavailable on its own, and then nothing passes on it."""

    AGENCIES = "agencies"
    ACCOUNTS = "accounts"
    INDICATORS = "indicators"
    PLANS = "plans"
    PERSONS = "persons"
    PAYEE_CLASSES = "payee_classes"
    CONTRACTS = "contracts"
    APPROVALS = "approvals"
    FILINGS = "filings"
    THREE_PUBLIC_BUDGETS = "three_public_budgets"
    PROJECTS = "projects"
    ALLOWANCE_STANDARDS = "allowance_standards"
    LISTS = "lists"
    CALENDAR = "calendar"
    CODES = "codes"
