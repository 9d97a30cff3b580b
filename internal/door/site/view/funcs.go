package view

import (
	"hash/fnv"
	"html/template"
	"strconv"
	"strings"
	"time"

	"github.com/rivo/uniseg"
	"golang.org/x/net/html"
)

// funcs are what templates may call beyond Go's own.
func funcs() template.FuncMap {
	return template.FuncMap{
		"iso":     func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"day":     func(t time.Time) string { return t.UTC().Format(dayLayout) },
		"month":   func(t time.Time) string { return t.UTC().Format("January 2006") },
		"when":    func(t time.Time) string { return t.UTC().Format(whenLayout) },
		"compact": compact,
		"plural":  plural,
		"tint":    tint,
		"initial": initial,
		"host":    host,
		"fields":  fields,
		"path":    sitePath,
		"icon":    icon,
		"stamp":   stamp,
		"counts":  counts,
		"byline":  byline,
		"avatar":  avatar,
		"marks":   marks,
	}
}

// sitePath gives templates the addresses of paths.go by name, so that each is written once.
func sitePath(name string) string {
	return map[string]string{
		"landing": PathLanding, "about": PathAbout, "sign_in": PathSignIn, "sign_up": PathSignUp, "sign_out": PathSignOut,
		"confirmation": PathConfirmation, "forgot": PathForgotPassword, "reset": PathResetPassword, "account": PathAccount,
		"email": PathChangeEmail, "password": PathChangePassword, "sessions": PathSessions, "consent": PathConsent,
		"apps": PathApps, "interact": PathAuthorizeInteract, "remote_follow": PathRemoteFollow, "subscribe": PathSubscribe,
	}[name]
}

// field is what the shared template of a labelled input needs.
type field struct {
	Name, Label, Type, Value, Hint, Error, Autocomplete, Prefix, Suffix string
	MinLength                                                           int
	Optional                                                            bool
}

// fields makes a field of name and value pairs: fields "Name" "email" "Label" "E-mail".
func fields(f Form, pairs ...any) field {
	out := field{Type: "text"}
	for i := 0; i+1 < len(pairs); i += 2 {
		text, _ := pairs[i+1].(string)
		switch pairs[i] {
		case "name":
			out.Name = text
		case "label":
			out.Label = text
		case "type":
			out.Type = text
		case "value":
			out.Value = text
		case "hint":
			out.Hint = text
		case "autocomplete":
			out.Autocomplete = text
		case "prefix":
			out.Prefix = text
		case "suffix":
			out.Suffix = text
		case "min":
			out.MinLength, _ = pairs[i+1].(int)
		case "optional":
			out.Optional = true
		}
	}
	out.Error = f.Errors[out.Name]
	return out
}

// tints is how many colours the style sheet has for drawn avatars.
const tints = 8

// tint picks a drawn avatar's colour, the same for the same account everywhere.
func tint(acct string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(acct)) // a hash never fails to be written to
	return strconv.FormatUint(uint64(h.Sum32()%tints), 10)
}

// initial is the first character a person would count.
func initial(name string) string {
	name = strings.TrimLeft(name, "@ \t\n")
	first, _, _, _ := uniseg.FirstGraphemeClusterInString(name, -1)
	return strings.ToUpper(first)
}

// host is the server's part of user@host.
func host(acct string) string {
	_, domain, _ := strings.Cut(acct, "@")
	return domain
}

// maxPlain bounds the bytes of a post looked at for a description.
const maxPlain = 8 << 10

// plain is the text of cleaned HTML on one line.
func plain(h template.HTML) string {
	src := string(h)
	if len(src) > maxPlain {
		src = src[:maxPlain]
	}
	var b strings.Builder
	z := html.NewTokenizer(strings.NewReader(src))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return strings.Join(strings.Fields(strings.ToValidUTF8(b.String(), "")), " ")
		case html.TextToken:
			b.Write(z.Text())
		case html.StartTagToken, html.EndTagToken, html.SelfClosingTagToken:
			writeTag(&b, z)
		}
	}
}

// writeTag keeps words of neighbouring blocks apart and reads a picture by its alternative text.
func writeTag(b *strings.Builder, z *html.Tokenizer) {
	name, more := z.TagName()
	switch string(name) {
	case "p", "br", "li", "ul", "ol", "blockquote", "pre", "h1", "h2", "h3", "div":
		b.WriteByte(' ')
	case "img":
		for more {
			var key, value []byte
			key, value, more = z.TagAttr()
			if string(key) == "alt" {
				b.Write(value)
			}
		}
	}
}

// shorten cuts text after at most limit characters, at a word if one ends near, and says so.
func shorten(s string, limit int) string {
	runes := []rune(s)
	if len(runes) <= limit {
		return s
	}
	cut := string(runes[:limit-1])
	if i := strings.LastIndexByte(cut, ' '); i > len(cut)*2/3 {
		cut = cut[:i]
	}
	return strings.TrimRight(cut, " ,.;:–-") + "…"
}
