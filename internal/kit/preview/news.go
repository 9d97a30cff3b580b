package preview

import (
	"bytes"
	"encoding/json"
)

// news is what JSON-LD says of an article or page.
type news struct {
	Type, Headline, Description, Language, Image, Published string
	AuthorName, AuthorURL, PublisherName                    string
}

// junk is what some pages wrap JSON-LD in.
var junk = [][]byte{[]byte("/*<![CDATA[*/"), []byte("/*]]>*/"), []byte("//<![CDATA["), []byte("//]]>"), []byte("<![CDATA["), []byte("]]>")}

// parseNews reads a piece of JSON-LD; nil when it is about something else, or cannot be read.
func parseNews(src []byte) *news {
	for _, j := range junk {
		src = bytes.ReplaceAll(src, j, nil)
	}
	var v any
	if json.Unmarshal(src, &v) != nil {
		return nil
	}
	if graph, ok := member(v, "@graph").([]any); ok {
		v = graph
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, o := range list {
		kind := word(o, "@type")
		if kind != "NewsArticle" && kind != "WebPage" {
			continue
		}
		author, publisher, image := one(member(o, "author")), one(member(o, "publisher")), one(member(o, "image"))
		n := &news{Type: kind, Headline: word(o, "headline"), Description: word(o, "description"), Published: word(o, "datePublished"),
			AuthorName: word(author, "name"), AuthorURL: word(author, "url"), PublisherName: word(publisher, "name")}
		n.Language, _ = one(member(o, "inLanguage")).(string)
		if n.Image, ok = image.(string); !ok {
			n.Image = word(image, "url")
		}
		return n
	}
	return nil
}

func member(v any, name string) any {
	m, _ := v.(map[string]any)
	return m[name]
}

// one is a value, or the first of a list of them.
func one(v any) any {
	if l, ok := v.([]any); ok {
		if len(l) == 0 {
			return nil
		}
		return l[0]
	}
	return v
}

func word(v any, name string) string {
	s, _ := one(member(v, name)).(string)
	return s
}
