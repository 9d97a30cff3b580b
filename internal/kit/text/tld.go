package text

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/net/publicsuffix"
)

// longestIDN is the length in characters of the longest name in internationalTLDs.
const longestIDN = 17

// scanTLD finds the end of the top-level domain at i, or -1. Behind it may be nothing that would belong to a host name
// in ASCII; other letters may, so that a URL inside Japanese text ends where its host does.
func scanTLD(s string, i int) int {
	if i >= len(s) {
		return -1
	}
	if s[i] >= utf8.RuneSelf {
		return scanIDN(s, i)
	}
	end := i
	for end < len(s) && (isASCIIAlnum(s[end]) || s[end] == '-') {
		end++
	}
	label := strings.ToLower(s[i:end])
	if rest, ok := strings.CutPrefix(label, "xn--"); ok && rest != "" {
		return end
	}
	if label == "" || end-i > 63 || end < len(s) && (s[end] == '@' || s[end] == '+') || !knownTLD(label) {
		return -1
	}
	return end
}

// knownTLD asks the public suffix list; a child is asked for because some top-level domains only have rules below them.
func knownTLD(label string) bool {
	_, icann := publicsuffix.PublicSuffix("x." + label)
	return icann
}

func scanIDN(s string, i int) int {
	best := -1
	end := i
	for n := 0; n < longestIDN && end < len(s); n++ {
		_, size := utf8.DecodeRuneInString(s[end:])
		end += size
		if internationalTLDs[s[i:end]] && (end == len(s) || !isASCIIAlnum(s[end]) && s[end] != '@' && s[end] != '+' && s[end] != '-') {
			best = end
		}
	}
	return best
}

// internationalTLDs are the top-level domains of IANA's root zone that are not ASCII, in Unicode.
var internationalTLDs = map[string]bool{
	"vermögensberater": true, "vermögensberatung": true, "ελ": true, "ευ": true, "бг": true, "бел": true,
	"дети": true, "ею": true, "католик": true, "ком": true, "мкд": true, "мон": true, "москва": true,
	"онлайн": true, "орг": true, "рус": true, "рф": true, "сайт": true, "срб": true, "укр": true, "қаз": true,
	"հայ": true, "קום": true, "ابوظبي": true, "اتصالات": true, "ارامكو": true, "الاردن": true, "البحرين": true,
	"الجزائر": true, "السعودية": true, "العليان": true, "المغرب": true, "امارات": true, "ایران": true,
	"بارت": true, "بازار": true, "بيتك": true, "بھارت": true, "تونس": true, "سودان": true, "سورية": true,
	"شبكة": true, "عراق": true, "عرب": true, "عمان": true, "فلسطين": true, "قطر": true, "كاثوليك": true,
	"كوم": true, "مصر": true, "مليسيا": true, "موبايلي": true, "موريتانيا": true, "موقع": true, "همراه": true,
	"پاکستان": true, "ڀارت": true, "कॉम": true, "नेट": true, "भारत": true, "भारतम्": true, "भारोत": true,
	"संगठन": true, "বাংলা": true, "ভারত": true, "ভাৰত": true, "ਭਾਰਤ": true, "ભારત": true, "ଭାରତ": true,
	"இந்தியா": true, "இலங்கை": true, "சிங்கப்பூர்": true, "భారత్": true, "ಭಾರತ": true, "ഭാരതം": true,
	"ලංකා": true, "คอม": true, "ไทย": true, "ລາວ": true, "გე": true, "みんな": true, "アマゾン": true, "クラウド": true,
	"グーグル": true, "コム": true, "ストア": true, "セール": true, "ファッション": true, "ポイント": true, "世界": true, "中信": true,
	"中国": true, "中國": true, "中文网": true, "企业": true, "佛山": true, "信息": true, "健康": true, "八卦": true, "公司": true,
	"公益": true, "台湾": true, "台灣": true, "商城": true, "商店": true, "商标": true, "嘉里": true, "嘉里大酒店": true,
	"在线": true, "大众汽车": true, "大拿": true, "天主教": true, "娱乐": true, "家電": true, "工行": true, "广东": true,
	"微博": true, "慈善": true, "我爱你": true, "手机": true, "手表": true, "招聘": true, "政务": true, "政府": true,
	"新加坡": true, "新闻": true, "时尚": true, "書籍": true, "机构": true, "淡马锡": true, "游戏": true, "澳門": true,
	"点看": true, "珠宝": true, "移动": true, "组织机构": true, "网址": true, "网店": true, "网站": true, "网络": true,
	"联通": true, "诺基亚": true, "谷歌": true, "购物": true, "通販": true, "集团": true, "電訊盈科": true, "飞利浦": true,
	"食品": true, "餐厅": true, "香格里拉": true, "香港": true, "닷넷": true, "닷컴": true, "삼성": true, "한국": true,
}
