"""Labels and actions of masking policies, and the Chinese names of the labels in placeholders.

A masking policy has an action for each label, by which entities of this label are replaced or kept. A placeholder is a
replacement that consists of a name and a number, such as 〔姓名1〕 for the first person in a text.
"""

from typing import Final

KEEP, REPLACE = "keep", "replace"
ACTIONS: Final = (REPLACE, "redact", "pseudonym", "hash", KEEP, "generalise")

# Labels that the default policy replaces, with the names in their placeholders (〔姓名1〕).
PERSONAL: Final = {
    "PERSON": "姓名",
    "NATIONAL_ID": "身分證字號",
    "RESIDENT_ID": "居留證號碼",
    "NHI_CARD": "健保卡號",
    "PASSPORT": "護照號碼",
    "DRIVER_LICENSE": "駕照號碼",
    "MEDICAL_LICENSE": "醫事字號",
    "MILITARY_ID": "兵籍號碼",
    "HOUSEHOLD_ID": "戶號",
    "PHONE": "電話",
    "LICENSE_PLATE": "車牌",
    "BANK_ACCOUNT": "帳號",
    "CREDIT_CARD": "信用卡號",
    "EMAIL": "電子郵件",
    "IP": "IP位址",
    "LINE_ID": "LINE帳號",
    "PTT_ID": "PTT帳號",
    "SOCIAL": "社群帳號",
    "SECRET": "密鑰",
    "ADDRESS": "地址",
    "BIRTHDAY": "生日",
}

# Labels that the default policy keeps.
OTHER: Final = {
    "COMPANY_ID": "統一編號",
    "URL": "網址",
    "DATE": "日期",
    "TIME": "時間",
    "ORG": "組織",
    "GPE": "行政區",
    "LOC": "地點",
    "FAC": "設施",
    "NORP": "群體",
    "PRODUCT": "產品",
    "EVENT": "活動",
    "WORK_OF_ART": "作品",
    "LAW": "法規",
    "LANGUAGE": "語言",
    "PERCENT": "百分比",
    "MONEY": "金額",
    "QUANTITY": "數量",
    "ORDINAL": "序數",
    "CARDINAL": "數目",
}

PLACEHOLDERS: Final = {**PERSONAL, **OTHER}
# Labels with a more general form: the year of a date, the county of a place.
GENERALISABLE: Final = ("DATE", "BIRTHDAY", "ADDRESS", "GPE", "LOC")
