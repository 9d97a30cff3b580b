package text

import (
	"strings"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

// ValidLanguage reports whether code is a language that posts can be in: Mastodon's list, most of ISO 639-1, some of 639-3.
func ValidLanguage(code string) bool {
	return code != "" && !strings.ContainsAny(code, " \n") && strings.Contains(languages, " "+code+" ")
}

// Language is a language that posts can be in: its code, and its name in English.
type Language struct{ Code, Name string }

// Languages lists the languages of ValidLanguage, by code.
func Languages() []Language {
	names := display.English.Languages()
	var out []Language
	for _, code := range strings.Fields(languages) {
		l := Language{code, names.Name(language.Make(code))}
		if l.Name == "" {
			l.Name = code
		}
		out = append(out, l)
	}
	return out
}

const languages = " aa ab ae af ak am an ar as ast av ay az ba be bg bh bi bm bn bo br bs ca ce ch chr ckb co cnr cr cs csb cu cv cy " +
	"da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu " +
	"ja jbo jv ka kab kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb ldn lfn lg li ln lo lt lu lv mg mh mi mk ml mn moh mr ms " +
	"ms-Arab mt my na nb nd nds ne ng nl nn no nr nv ny oc oj om or os pa pdc pi pl ps pt qu rm rn ro ru rw sa sc sco sd se sg si sk " +
	"sl sma smj sn so sq sr ss st su sv sw szl ta te tg th ti tk tl tn to tok tr ts tt tw ty ug uk ur uz vai ve vi vo wa wo xal xh yi " +
	"yo za zba zgh zh zh-CN zh-HK zh-TW zh-YUE zu "

// maxAccepted is how many languages of an Accept-Language header are read.
const maxAccepted = 32

// FirstLanguage gives the language that an Accept-Language header wants most among those of ValidLanguage, or "". A region
// that is not listed is left out: "en-GB" is "en".
func FirstLanguage(header string) string {
	best, bestQ := "", 0
	n := 0
	for part := range strings.SplitSeq(cut(header, 1<<10), ",") {
		if n++; n > maxAccepted {
			break
		}
		tag, params, _ := strings.Cut(part, ";")
		code := knownLanguage(strings.TrimSpace(tag))
		if q := quality(params); code != "" && q > bestQ {
			best, bestQ = code, q
		}
	}
	return best
}

// knownLanguage gives the listed code for a tag such as "en_GB" or "ZH-tw", or "".
func knownLanguage(tag string) string {
	base, region, ok := strings.Cut(strings.ReplaceAll(tag, "_", "-"), "-")
	base = strings.ToLower(base)
	if ok {
		for _, code := range []string{base + "-" + strings.ToUpper(region), base + "-" + region} {
			if ValidLanguage(code) {
				return code
			}
		}
	}
	if ValidLanguage(base) {
		return base
	}
	return ""
}

// quality reads "q=0.8" as 800; it is 1000 where there is none, and 0 where it cannot be read.
func quality(params string) int {
	value, ok := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=")
	if !ok {
		return 1000
	}
	whole, frac, _ := strings.Cut(value, ".")
	if whole != "0" && whole != "1" || len(frac) > 3 || strings.Trim(frac, "0123456789") != "" {
		return 0
	}
	q := int(whole[0]-'0') * 1000
	for i, unit := 0, 100; i < len(frac); i, unit = i+1, unit/10 {
		q += int(frac[i]-'0') * unit
	}
	return min(q, 1000)
}
