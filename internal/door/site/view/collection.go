package view

import "io"

// Collection is the page of a list of accounts that somebody recommends.
type Collection struct {
	Page
	Name, Description, Lang string
	Tag, TagURL             string
	Sensitive               bool
	URL, ActivityURL        string
	Owner                   Account
	Members                 []Account
	Hidden                  bool // search engines are asked to leave it out
}

func (p Collection) head() head {
	return head{Title: p.Name + " · " + p.Owner.Name(), Description: p.Description, URL: p.URL, ActivityURL: p.ActivityURL, NoIndex: p.Hidden}
}

// Collection writes a collection's page.
func (r *Renderer) Collection(w io.Writer, p Collection) error { return r.render(w, "collection", &p) }
