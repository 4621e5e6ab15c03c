"""Words by which `names` recognizes persons and organizations: surnames, titles, field names of forms, endings."""


def _characters(text: str) -> str:
    """Remove the white space of a text, and return the other characters as one string."""
    return "".join(text.split())


def _words(text: str) -> tuple[str, ...]:
    """Split a text at white space into words, and return them sorted by length, the longest first.

    A regular expression takes the first alternative that matches, so a longer word must precede its own beginning.
    """
    return tuple(sorted(text.split(), key=len, reverse=True))


# Surnames that are common in Taiwan, or whose characters are seldom words
COMMON_SURNAMES = _characters(
    """
    陳林黃張李王吳劉蔡楊許鄭謝洪郭邱曾廖賴徐周葉蘇莊呂江何蕭羅高潘簡朱鍾游詹彭胡施沈余盧梁趙顏柯翁魏
    孫戴范方宋鄧杜傅侯曹薛丁卓阮馬董温溫唐藍石蔣田康鄒白涂尤巫韓龔嚴袁鐘黎金陸姚倪馮連錢歐邵湯汪任童
    柳古姜夏俞紀章程孔賀秦雷伍常樊龍史萬粘甘車項包裘仇費韋聶單談苗饒屈邊柴塗季駱凌申尹冉沙褚辛池官管
    毛易殷武齊賈佘晏解聞喻華鄔甯寧梅霍闕闞幸穆鮑關盛龐郝左魯燕刁屠閔苻鄢奚酆卞臧茅祁繆嵇荀甄靳邴隗宓
    郗欒郜薊邰藺胥莘翟譚逄姬酈郤璩濮扈郟瞿閻茹宦庾耿匡夔晁訾鞠蒯荊竺逯桓岑房宣樓婁虞崔邢
    """
)
# The others of the Hundred Family Surnames (百家姓), whose characters are often words, such as 時 and 於. Those that
# are nearly always words, such as 能, are left out.
RARE_SURNAMES = _characters(
    """
    厲蒲查蓋卜狄覃喬焦柏符鄂糜牧戚廉滿裴蒙熊舒郎芮羿儲井段富烏山谷蓬班仰仲伊宮寇廣祿殳沃厙刑蔚計花祖
    時於應裔養虎區利明昌向文尚曲戎成曷牛師年衛岳皮危宗巴干幽弓弘惠揭支昝景曠束來樂權步浦湛溥滑滕陶竇
    雲葛鳳畢于顧孟禹米貝伏祝席麻強路莫賁郁杭諸吉鈕榮羊麴封汲松秋暴鈄司韶薄印宿懷索咸籍陰鬱蒼雙黨貢勞
    扶堵宰雍桑桂壽冀農慕習艾魚容慎戈暨居衡都隆鞏勾敖融冷毋乜豐巢紅益
    """
)
# Surnames of two characters, and pairs of surnames
COMPOUND_SURNAMES = _words(
    """
    歐陽 司馬 司徒 上官 諸葛 皇甫 尉遲 公孫 令狐 呼延 夏侯 張簡 范姜 端木 東方 南宮 慕容
    宇文 張廖 長孫 鍾離 軒轅 公冶 陳楊 陳林 張王
    """
)

# Titles after a name. Before the first ones, any character is a surname; the others may be roles: 業務經理.
PERSONAL_TITLES = _words("先生 小姐 女士 太太 奶奶 爺爺 伯伯 阿姨 叔叔 媽媽 爸爸 同學")
TITLES = _words(
    """
    總經理 副總 總監 經理 副理 襄理 協理 主任 課長 科長 處長 局長 組長 班長 隊長 店長 館長
    院長 校長 會長 里長 鄰長 理事長 董事長 董事 秘書 祕書 專員 助理 督導 委員 議員 立委 警員
    警官 巡官 員警 檢察官 法官 律師 會計師 醫師 醫生 護理師 護理長 士官長 股長 副座 藥師
    治療師 社工師 社工 教授 老師 導師 教練 師傅 師父 技師 工程師 代書 董 總 桑
    """
)
RELATIVES = _characters("爸媽哥姐姊嫂叔嬸伯姨公婆嬤董桑")

# Words of forms, tables and judgments that the name of a person follows
PERSON_FIELDS = _words(
    """
    姓名 名字 申請人 聯絡人 連絡人 收件人 寄件人 收貨人 訂購人 訂位人 承辦人 經辦人 承租人
    出租人 代表人 負責人 受款人 持卡人 被保險人 要保人 受益人 保證人 監護人 代理人 委託人 受託人
    受詢問人 報案人 檢舉人 陳情人 被害人 告訴人 證人 立書人 立約人 借款人 會員 戶名 戶長 配偶
    父親 母親 眷屬 家長 家屬 被告 原告 上訴人 病患 病人 住院醫師 主治醫師 醫師 護理師 治療師
    導師 主席 紀錄 記錄 調解委員 工地主任 客戶 旅客 乘客 房客 房東 住戶 民眾 失主 友人 同事
    經辦 覆核 業務員 出席 列席 選任 外號 綽號 暱稱 簽名 簽章 胞弟 胞兄 胞姐 胞姊 胞妹 長子
    次子 長女 次女 女兒 兒子 案父 案母 父 母 夫 妻 子 女 Name NAME Attn ATTN
    飼主 司機 老闆 衛教師 登記人 債務人 債權人 住民 對造 筆名 旁白 書記官 幹事 窗口 Dear Hi Hello
    """
)
# Words in the header of a column of names
PERSON_COLUMNS = _words("姓名 英文 名字 旅客 乘客 聯絡人 申請人 員工 學生 負責人 承辦人 會員 收件人")
# Words that are in the place of a speaker in an exported chat
NOT_SPEAKERS = _words(
    """
    客服 系統 管理員 通知 訊息 已讀 未讀 照片 貼圖 影片 語音 備註 上午 下午 晚上 早上 中午
    凌晨 星期 週
    """
)
# Words before a nickname that nothing separates from the next words: 工讀生小庭接聽
BEFORE_NICKNAMES = _words("工讀生 櫃台 櫃檯 員工 管理員 客服 同事 朋友 友人 給 係")

# Endings of names of organizations
ORGANIZATIONS = _words(
    """
    股份有限公司 有限公司 公司 企業社 工程行 照明行 商行 車行 工作室 事務所 補習班 幼兒園 幼稚園
    安親班 診所 醫院 藥局 商業銀行 銀行 信用合作社 農會 漁會 郵局 分行 分局 派出所 警察局
    警察所 移民署 戶政事務所 地政事務所 稅務局 辦公室 辦公處 基金會 協會 學會 公會 工會
    管理委員會 管委會 大學 學院 高中 高職 國中 國小 小學 民宿 飯店 旅館 酒店 餐廳 物流 電信
    科技 數位 建設 營造 機電 保險 人壽 證券 超商 門市 分公司 總公司 工廠 社區 法院 檢察署
    交通組 中心 海產 通訊行 文具行 器材行 印刷社 烘焙坊 工作坊 書店 產險 試驗室 實驗室 自救會
    分駐所 衛生所 業務組 管理處 營運處 高級中學 停車場 牙醫 耳鼻喉科 人力 購物 工程顧問 顧問
    工程 防水 保險署 保險局 水利局 環保局 教育局 公所 政府 國際
    計程車隊 車隊 合作社 看守所 監獄 書屋 企業行 五金行 五金 早餐店 早餐 便當 咖啡 健身 生醫 生技 產業署
    署 航空 客運 旅行社
    """
)
# Organizations that are known by a short name
KNOWN_ORGANIZATIONS = _words(
    """
    消基會 聯徵中心 健保署 勞保局 土銀 合庫 台新 臺新 中信 玉山 永豐 安泰 彰銀 華銀 一銀 兆豐
    國泰世華 台北富邦 北富銀 凱基 元大 遠東商銀 台企銀 陽信 新光 聯邦 星展 上海商銀 黑貓 宅急便
    台電 中油 台水 合作金庫 中華郵政
    """
)
# Endings of branches, after the name of an organization
BRANCHES = _words("店 廠 院區 分店 分部 分院")
# The name of an organization begins after these characters.
BEFORE_ORGANIZATIONS = _characters("在洽至由與跟向請係自於是找給的為致說去從將被讓叫任到")
