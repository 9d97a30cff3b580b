package view

import (
	"html/template"
	"strconv"
	"strings"
	"time"
)

// The pieces here are on every post, many times a page, so they are written by Go: BenchmarkProfile shows what templates
// cost instead. All but byline and avatar are made of numbers, times and our own words only; those two escape what people
// wrote with text and link, and nothing else here may hold such words.

const (
	dayLayout  = "Jan 2, 2006"
	whenLayout = "Jan 2, 2006, 15:04 UTC"
)

// icon draws a symbol of the sprite that every page carries.
func icon(name string) template.HTML {
	return template.HTML(appendIcon(nil, name)) //nolint:gosec // the name is escaped
}

func appendIcon(b []byte, name string) []byte {
	b = append(b, `<svg class="icon" width="20" height="20" aria-hidden="true" focusable="false"><use href="#i-`...)
	return append(text(b, name), `"/></svg>`...)
}

// text escapes somebody's words for an element or a quoted attribute.
func text(b []byte, s string) []byte { return append(b, template.HTMLEscapeString(s)...) }

// link escapes an address for a quoted attribute; one that is neither http nor a path of this server leads nowhere.
func link(b []byte, address string) []byte {
	local := strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "//")
	if !local && !strings.HasPrefix(address, "https://") && !strings.HasPrefix(address, "http://") {
		return append(b, '#')
	}
	return text(b, address)
}

// byline is the head of a post in a list: picture, name, handle, and when, which is the permalink.
func byline(p Post) template.HTML {
	a := &p.Account
	b := append(make([]byte, 0, 1536), `<a class="post-avatar" href="`...)
	b = appendAvatar(append(link(b, a.URL), `" tabindex="-1" aria-hidden="true">`...), a)
	b = link(append(b, `</a><header class="post-head"><a class="post-author p-author h-card" href="`...), a.URL)
	b = append(b, `"><span class="post-names"><bdi class="post-name p-name">`...)
	if a.DisplayNameHTML != "" {
		b = append(b, a.DisplayNameHTML...)
	} else {
		b = text(b, a.Name())
	}
	b = appendMarks(append(b, `</bdi>`...), a)
	b = text(append(b, `</span> <span class="post-acct" dir="ltr">@`...), a.Acct)
	b = link(append(b, `</span></a> <a class="post-when u-url" href="`...), p.URL)
	if b = append(b, '"'); !p.FromHere {
		b = append(b, ` rel="nofollow"`...)
	}
	b = appendStamp(append(b, '>'), "dt-published", p.CreatedAt)
	if !p.EditedAt.IsZero() {
		b = p.EditedAt.UTC().AppendFormat(append(b, `<span class="post-edited" title="Edited `...), whenLayout)
		b = append(b, `">*<span class="hidden">edited</span></span>`...)
	}
	return template.HTML(append(b, `</a></header>`...)) //nolint:gosec // text and link escape
}

func appendAvatar(b []byte, a *Account) []byte {
	if a.AvatarURL == "" {
		b = append(b, `<span class="avatar tint-`+tint(a.Acct)+`" aria-hidden="true">`...)
		return append(text(b, initial(a.Name())), `</span>`...)
	}
	b = link(append(b, `<img class="avatar u-photo" src="`...), a.AvatarURL)
	return append(b, `" alt="" width="48" height="48" loading="lazy" decoding="async">`...)
}

func appendMarks(b []byte, a *Account) []byte {
	if a.Bot {
		b = append(b, `<span class="mark">Bot</span>`...)
	}
	if a.Group {
		b = append(b, `<span class="mark">Group</span>`...)
	}
	if a.Locked {
		b = appendIcon(append(b, `<span class="mark-icon" title="Approves followers by hand">`...), "lock")
		b = append(b, `<span class="hidden">approves followers by hand</span></span>`...)
	}
	return b
}

// avatar and marks are the same pieces for templates that show an account elsewhere.
func avatar(a Account) template.HTML {
	return template.HTML(appendAvatar(nil, &a)) //nolint:gosec // text and link escape
}

func marks(a Account) template.HTML {
	return template.HTML(appendMarks(nil, &a)) //nolint:gosec // only our own words
}

// stamp is a moment: a date for all, and the mark by which the client makes it "5 min ago".
func stamp(class string, t time.Time) template.HTML {
	return template.HTML(appendStamp(nil, class, t)) //nolint:gosec // only a time
}

func appendStamp(b []byte, class string, t time.Time) []byte {
	t = t.UTC()
	b = append(b, `<time`...)
	if class != "" {
		b = append(text(append(b, ` class="`...), class), '"')
	}
	b = t.AppendFormat(append(b, ` datetime="`...), time.RFC3339)
	b = t.AppendFormat(append(b, `" title="`...), whenLayout)
	b = t.AppendFormat(append(b, `" data-time>`...), dayLayout)
	return append(b, `</time>`...)
}

// counts is the row below a post. A zero is left to screen readers.
func counts(replies, boosts, favourites int64) template.HTML {
	b := append(make([]byte, 0, 768), `<ul class="post-counts">`...)
	b = appendCount(b, "reply", replies, "reply", "replies")
	b = appendCount(b, "boost", boosts, "boost", "boosts")
	b = appendCount(b, "star", favourites, "favourite", "favourites")
	return template.HTML(append(b, `</ul>`...)) //nolint:gosec // only numbers
}

func appendCount(b []byte, symbol string, n int64, one, many string) []byte {
	b = appendIcon(append(b, `<li>`...), symbol)
	if n > 0 {
		b = append(b, ` <span>`+compact(n)+`</span> <span class="hidden">`...)
	} else {
		b = append(b, ` <span class="hidden">0 `...)
	}
	return append(b, plural(n, one, many)+`</span></li>`...)
}

// compact writes a count as short as people read it: 980, 1.2K, 34K, 5.6M. It rounds down, so that 1,999 followers are
// never shown as 2K before they are.
func compact(n int64) string {
	switch {
	case n < 1_000:
		return strconv.FormatInt(max(n, 0), 10)
	case n < 1_000_000:
		return tenths(n, 1_000) + "K"
	case n < 1_000_000_000:
		return tenths(n, 1_000_000) + "M"
	}
	return tenths(n, 1_000_000_000) + "B"
}

// tenths gives one digit after the point below ten.
func tenths(n, unit int64) string {
	whole, rest := n/unit, n%unit*10/unit
	if whole >= 10 || rest == 0 {
		return strconv.FormatInt(whole, 10)
	}
	return strconv.FormatInt(whole, 10) + "." + strconv.FormatInt(rest, 10)
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
