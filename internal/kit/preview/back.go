package preview

import (
	"bytes"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
	"golang.org/x/net/html/charset"

	"github.com/gomph/gomph/internal/kit/fetch/weburl"
)

// LinksBack reports whether a page says of one of some addresses that it is of whoever the page is of: by a link, seen or not, with
// rel="me" (https://microformats.org/wiki/rel-me). Capitals do not count, as in Mastodon. contentType and address are as for Parse.
func LinksBack(body []byte, contentType, address string, to ...string) bool {
	base, err := weburl.Parse(address)
	if err != nil {
		return false
	}
	decoded, err := charset.NewReader(bytes.NewReader(body), contentType)
	if err != nil {
		return false
	}
	for z := html.NewTokenizer(decoded); ; {
		switch z.Next() {
		case html.ErrorToken:
			return false
		case html.StartTagToken, html.SelfClosingTagToken:
			raw, more := z.TagName()
			if tag := atom.Lookup(raw); tag != atom.A && tag != atom.Link {
				continue
			}
			a := attributes(z, more)
			if !slices.Contains(strings.Fields(strings.ToLower(a["rel"])), "me") || strings.TrimSpace(a["href"]) == "" {
				continue
			}
			found := absolute(base, a["href"])
			if slices.ContainsFunc(to, func(t string) bool { return t != "" && strings.EqualFold(t, found) }) {
				return true
			}
		}
	}
}
