package log

import (
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"unicode"
)

// blank stands where a secret was.
const blank = "[secret]"

// secretWords make an attribute secret when its name has one of them as a word: access_token, newPassword, Set-Cookie.
var secretWords = map[string]bool{
	"token": true, "tokens": true, "password": true, "passwd": true, "passphrase": true, "secret": true, "secrets": true,
	"authorization": true, "cookie": true, "cookies": true, "otp": true, "credential": true, "credentials": true,
}

// In texts: credentials in a URL, a bearer's token, and the parameters in which tokens travel.
var (
	userInfo = regexp.MustCompile(`(://)[^/\s@"']*:[^/\s@"']*@`)
	bearer   = regexp.MustCompile(`(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}`)
	param    = regexp.MustCompile(`(?i)\b((?:access_|refresh_)?token|client_secret|password|code|state|code_verifier|signature)=[^&\s"']+`)
)

// redact blanks attributes named like secrets, and secrets inside texts, of whatever group.
func redact(_ []string, a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	if isSecret(a.Key) && v.Kind() != slog.KindBool {
		return slog.String(a.Key, blank)
	}
	switch v.Kind() {
	case slog.KindString:
		if s := Clean(v.String()); s != v.String() {
			return slog.String(a.Key, s)
		}
	case slog.KindAny:
		switch x := v.Any().(type) {
		case error:
			return slog.String(a.Key, Clean(x.Error()))
		case fmt.Stringer:
			return slog.String(a.Key, Clean(x.String()))
		}
	}
	return a
}

// Clean blanks what looks like a secret inside a text.
func Clean(s string) string {
	if strings.Contains(s, "://") {
		s = userInfo.ReplaceAllString(s, "${1}"+blank+"@")
	}
	if strings.ContainsRune(s, '=') {
		s = param.ReplaceAllString(s, "$1="+blank)
	}
	if strings.ContainsRune(s, ' ') {
		s = bearer.ReplaceAllString(s, "$1 "+blank)
	}
	return s
}

// isSecret looks at the words of a name. "key" counts as the last word only: a private_key is a secret, a key_id is none.
func isSecret(name string) bool {
	words := strings.FieldsFunc(splitCamel(name), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	for i, w := range words {
		if w = strings.ToLower(w); secretWords[w] || (i == len(words)-1 && w == "key") {
			return true
		}
	}
	return false
}

func splitCamel(s string) string {
	var b strings.Builder
	lower := false
	for _, r := range s {
		if unicode.IsUpper(r) && lower {
			b.WriteByte(' ')
		}
		lower = unicode.IsLower(r)
		b.WriteRune(r)
	}
	return b.String()
}
