package view

import (
	"io"
	"strconv"
)

// Report is the page of what somebody did in a year, for those whom they showed it.
type Report struct {
	Page
	Account             Account
	Year                int
	Archetype           string // lurker, booster, pollster, replier, oracle
	Statuses, Followers int64
	Hashtag             string // without #; empty: none
	HashtagUses         int64
	Posts               []Post // the one that was boosted most, if it may still be seen
	URL                 string
}

func (p Report) head() head {
	return head{Title: p.Account.Name() + "’s " + strconv.Itoa(p.Year), URL: p.URL, NoIndex: true}
}

// Kind says in words what somebody was by their posts.
func (p Report) Kind() string {
	switch p.Archetype {
	case "booster":
		return "A booster: passed on what others said."
	case "pollster":
		return "A pollster: asked, and listened."
	case "replier":
		return "A replier: there when somebody spoke."
	case "oracle":
		return "An oracle: had something to say."
	}
	return "A lurker: read more than they wrote."
}

// Report writes the page.
func (r *Renderer) Report(w io.Writer, p Report) error { return r.render(w, "report", &p) }
