package view

import (
	"html/template"
	"strconv"
	"time"
)

// The pieces here are on every post and made of nothing but numbers, times and our own words, so they are written by Go:
// as templates they took two thirds of the time of a page with twenty posts. Whatever holds somebody's text stays a template.

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
	b = append(b, template.HTMLEscapeString(name)...)
	return append(b, `"/></svg>`...)
}

// stamp is a moment: a date for all, and the mark by which the client makes it "5 min ago".
func stamp(class string, t time.Time) template.HTML {
	t = t.UTC()
	b := append(make([]byte, 0, 160), `<time`...)
	if class != "" {
		b = append(b, ` class="`+template.HTMLEscapeString(class)+`"`...)
	}
	b = append(b, ` datetime="`...)
	b = t.AppendFormat(b, time.RFC3339)
	b = append(b, `" title="`...)
	b = t.AppendFormat(b, whenLayout)
	b = append(b, `" data-time>`...)
	b = t.AppendFormat(b, dayLayout)
	return template.HTML(append(b, `</time>`...)) //nolint:gosec // only a time
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
