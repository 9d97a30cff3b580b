package httpio

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/ids"
)

// Paging reads max_id, since_id, min_id, limit and offset. A limit's sign is dropped and it is clamped, as Mastodon does.
func Paging(p *Params, standard, most int) db.Page {
	limit := max(p.Int("limit", standard), -most) // the smallest number has no positive twin
	if limit < 0 {
		limit = -limit
	}
	if limit == 0 {
		limit = standard
	}
	return db.Page{MaxID: p.ID("max_id"), SinceID: p.ID("since_id"), MinID: p.ID("min_id"), Limit: min(limit, most), Offset: max(p.Int("offset", 0), 0)}
}

// Cursors are the ids that the neighbouring pages begin after. Zero leaves a link out.
type Cursors struct {
	// NextMax is the last row's id, PrevMin or PrevSince the first row's, as the list's kind has it.
	NextMax, PrevMin, PrevSince int64
}

// Link writes the Link header: absolute addresses, next before prev. Of the request's own parameters those in keep survive.
func Link(w http.ResponseWriter, r *http.Request, base string, c Cursors, keep ...string) {
	query := r.URL.Query()
	kept := url.Values{}
	for _, k := range append(keep, "limit") {
		for _, name := range []string{k, k + "[]"} {
			if v, ok := query[name]; ok {
				kept[name] = v
			}
		}
	}
	var links []string
	add := func(rel, cursor string, id int64) {
		if id == 0 {
			return
		}
		kept.Set(cursor, strconv.FormatInt(id, 10))
		links = append(links, "<"+base+r.URL.EscapedPath()+"?"+kept.Encode()+`>; rel="`+rel+`"`)
		kept.Del(cursor)
	}
	add("next", "max_id", c.NextMax)
	add("prev", "min_id", c.PrevMin)
	add("prev", "since_id", c.PrevSince)
	if len(links) > 0 {
		w.Header().Set("Link", strings.Join(links, ", "))
	}
}

// LinkOffsets writes the Link header of a list that is paged by offset; more says that there is a next page.
func LinkOffsets(w http.ResponseWriter, r *http.Request, base string, p db.Page, more bool) {
	var links []string
	add := func(rel string, offset int) {
		links = append(links, "<"+base+r.URL.EscapedPath()+"?limit="+strconv.Itoa(p.Limit)+"&offset="+strconv.Itoa(offset)+`>; rel="`+rel+`"`)
	}
	if more {
		add("next", p.Offset+p.Limit)
	}
	if p.Offset > 0 {
		add("prev", max(p.Offset-p.Limit, 0))
	}
	if len(links) > 0 {
		w.Header().Set("Link", strings.Join(links, ", "))
	}
}

// PathID is an id in a path's place; what is not one is not found, as in Mastodon.
func PathID(s string) int64 {
	id, err := ids.Parse(s)
	if err != nil {
		return 0
	}
	return id
}
