package links_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/domain/links"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/testkit/dbtest"
	"github.com/gomph/gomph/internal/testkit/draw"
	world "github.com/gomph/gomph/internal/testkit/make"
)

// web is a site that counts what it is asked for.
type web struct {
	*httptest.Server
	mu    sync.Mutex
	asked map[string]int
	pages map[string]string
	// hold is waited for before a page is given.
	hold chan struct{}
}

func newWeb(t *testing.T) *web {
	t.Helper()
	w := &web{asked: map[string]int{}, pages: map[string]string{}}
	w.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.asked[r.URL.RequestURI()]++
		page, found := w.pages[r.URL.Path]
		hold := w.hold
		w.mu.Unlock()
		if hold != nil {
			<-hold
		}
		switch {
		case r.URL.Path == "/picture.png":
			rw.Header().Set("Content-Type", "image/png")
			_, _ = rw.Write(draw.PNG(draw.Quarters(30, 20)))
		case strings.HasPrefix(page, "to:"):
			http.Redirect(rw, r, page[3:], http.StatusFound)
		case found:
			rw.Header().Set("Content-Type", "text/html")
			_, _ = rw.Write([]byte(page))
		default:
			http.NotFound(rw, r)
		}
	}))
	t.Cleanup(w.Close)
	w.URL = strings.Replace(w.URL, "127.0.0.1", "blog.news.com", 1)
	return w
}

func (w *web) count(path string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked[path]
}

func (w *web) put(path, page string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pages[path] = page
}

// scene is a world with a site, in which links are looked at when the test says so.
type scene struct {
	*world.World
	*web
	t *testing.T
}

// wanted are the links that are to be looked at.
func (s *scene) wanted() (out []statuses.LinkPosted) {
	s.t.Helper()
	for _, e := range s.Events() {
		if l, ok := e.(statuses.LinkPosted); ok {
			out = append(out, l)
		}
	}
	return out
}

func (s *scene) look() {
	s.t.Helper()
	for _, e := range s.wanted() {
		s.must(s.Links.Preview(s.Ctx(), e))
	}
}

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// card is what a post shows, nil for nothing.
func (s *scene) card(st *statuses.Status) *links.Card {
	s.t.Helper()
	now, err := s.Statuses.Any(s.Ctx(), s.DB, st.ID)
	s.must(err)
	if !now.Carded() {
		return nil
	}
	found, err := s.Links.OfStatuses(s.Ctx(), s.DB, []statuses.ID{st.ID})
	s.must(err)
	return found[st.ID]
}

func (s *scene) shows(st *statuses.Status, title string) {
	s.t.Helper()
	c := s.card(st)
	switch {
	case c == nil && title != "":
		s.t.Errorf("a post shows no preview, want %q", title)
	case c != nil && c.Title != title:
		s.t.Errorf("a post shows %q, want %q", c.Title, title)
	}
}

func newScene(t *testing.T, d *db.DB) *scene {
	return &scene{world.New(t, d), newWeb(t), t}
}

func link(at string) string { return `<p>see <a href="` + at + `">this</a></p>` }

// TestPreviews: PRE-03: one page is asked for once, whoever links to it by whatever way.
func TestPreviews(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := newScene(t, d)
		ann, eve := s.Account("ann"), s.Remote("eve", "far.example")
		s.put("/a", `<title>A page</title><link rel=canonical href=/canonical><meta property="og:image" content="/picture.png">`)
		s.put("/moved", "to:/a")
		first := s.Receive(eve, link(s.URL+"/a#part"))
		s.look()
		s.shows(first, "A page")
		c := s.card(first)
		if c.Link != s.URL+"/a#part" || c.URL != s.URL+"/canonical" || c.Image != s.URL+"/picture.png" || c.Width != 30 || c.Height != 20 || c.Blurhash == "" {
			t.Errorf("the preview is %+v", c)
		}
		others := []*statuses.Status{s.Post(ann, "look: "+s.URL+"/a"), s.Receive(eve, link(s.URL+"/canonical")), s.Receive(eve, link("http://"+strings.ToUpper(strings.TrimPrefix(s.URL, "http://"))+"/a"))}
		s.look()
		for _, st := range others {
			s.shows(st, "A page")
		}
		if s.count("/a") != 1 || s.count("/canonical") != 0 || s.count("/picture.png") != 1 {
			t.Errorf("asked for %v", s.asked)
		}
		// An address that leads to it is another, but shares what is kept.
		moved := s.Receive(eve, link(s.URL+"/moved"))
		s.look()
		if got := s.card(moved); got == nil || got.ID != c.ID {
			t.Errorf("a redirect gives %+v", got)
		}
		// After two weeks it is looked at again, and all see the new one; one that is gone then leaves the old.
		s.Clock.Advance(15 * 24 * time.Hour)
		s.put("/a", `<title>Other</title><link rel=canonical href=/canonical>`)
		s.Receive(eve, link(s.URL+"/a"))
		s.look()
		s.shows(first, "Other")
		s.Clock.Advance(15 * 24 * time.Hour)
		s.mu.Lock()
		delete(s.pages, "/a")
		s.mu.Unlock()
		late := s.Receive(eve, link(s.URL+"/a"))
		s.look()
		s.shows(late, "Other")
		// That there is none is remembered for a day.
		for range 2 {
			none := s.Receive(eve, link(s.URL+"/none"))
			s.look()
			s.shows(none, "")
		}
		if n := s.count("/none"); n != 1 {
			t.Errorf("a page that is not there was asked for %d times", n)
		}
		s.Clock.Advance(25 * time.Hour)
		s.put("/none", "<title>now</title>")
		now := s.Receive(eve, link(s.URL+"/none"))
		s.look()
		s.shows(now, "now")
		// What no post shows is forgotten, the rest stays.
		_, err := s.Statuses.Edit(s.Ctx(), ann, others[0].ID, statuses.Draft{Text: "nothing"})
		s.must(err)
		s.shows(others[0], "")
		s.Clock.Advance(60 * 24 * time.Hour)
		s.must(s.DB.Write(s.Ctx(), func(tx *db.Tx) error {
			_, err := tx.Exec(s.Ctx(), "DELETE FROM statuses WHERE id = $1", now.ID)
			return err
		}))
		s.must(s.Links.Forget(s.Ctx(), links.ForgetDue{}))
		kept, err := db.Column[string](s.Ctx(), s.DB, "SELECT url FROM preview_cards")
		s.must(err)
		lookups, err := db.Value[int](s.Ctx(), s.DB, "SELECT COUNT(*) FROM preview_card_lookups")
		s.must(err)
		if len(kept) != 1 || kept[0] != s.URL+"/canonical" || lookups != 0 {
			t.Errorf("kept are %q and %d addresses", kept, lookups)
		}
	})
}

// TestWhichLink: the first one to a page elsewhere, of posts without attachments or quotes; an edit looks again.
func TestWhichLink(t *testing.T) {
	t.Parallel()
	s := newScene(t, dbtest.SQLite(t))
	ann, eve := s.Account("ann"), s.Remote("eve", "far.example")
	s.put("/a", "<title>A</title>")
	s.put("/b", "<title>B</title>")
	at := func(st *statuses.Status, want string) {
		t.Helper()
		got := ""
		for _, e := range s.wanted() {
			got += e.URL
			s.must(s.Links.Preview(s.Ctx(), e))
		}
		if got != want {
			t.Errorf("of %s %q is looked at, want %q", st.Content, got, want)
		}
	}
	html := `<a href="https://far.example/@eve" class="u-url mention">@eve</a> <a href="https://far.example/tags/x" rel="tag">#x</a> <a href="https://local.example/@ann/1">here</a>
<a href="https://far.example/@bob">bob</a> <span class="quote-inline"><a href="` + s.URL + `/q">RE</a></span> <a href="magnet:?x">m</a> <a href="` + s.URL + `/a">a</a><a href="` + s.URL + `/b">b</a>`
	named := func(in *statuses.Incoming) {
		in.Mentions = []statuses.Mention{{AccountID: ann.ID, URL: "https://far.example/@bob"}}
	}
	at(s.Receive(eve, html, named), s.URL+"/a")
	at(s.Post(ann, "no links, but @eve@far.example #tag https://local.example/x"), "")
	quoted := s.Post(ann, "quote me", func(d *statuses.Draft) { d.QuotePolicy = statuses.QuotableByAll })
	at(s.Post(ann, s.URL+"/a", func(d *statuses.Draft) { d.QuotedStatusID = quoted.ID }), "")
	boosted := s.Post(ann, s.URL+"/a", func(d *statuses.Draft) { d.Visibility = statuses.Private })
	at(boosted, s.URL+"/a")
	s.shows(boosted, "A")
	// An edit of something else keeps the preview, one of the text looks anew; what comes late about an older state changes nothing.
	_, err := s.Statuses.Edit(s.Ctx(), ann, boosted.ID, statuses.Draft{Text: s.URL + "/a", SpoilerText: "careful"})
	s.must(err)
	at(boosted, "")
	s.shows(boosted, "A")
	s.Clock.Advance(time.Second)
	edited, err := s.Statuses.Edit(s.Ctx(), ann, boosted.ID, statuses.Draft{Text: "now " + s.URL + "/b"})
	s.must(err)
	s.shows(boosted, "")
	s.must(s.Links.Preview(s.Ctx(), statuses.LinkPosted{StatusID: boosted.ID, URL: s.URL + "/a"}))
	s.shows(boosted, "")
	at(edited, s.URL+"/b")
	s.shows(boosted, "B")
	_, err = s.Statuses.Delete(s.Ctx(), ann, boosted.ID)
	s.must(err)
	s.must(s.Links.Preview(s.Ctx(), statuses.LinkPosted{StatusID: boosted.ID, URL: s.URL + "/never", EditedAt: db.Ms(edited.EditedAt)}))
	if s.count("/never") != 0 {
		t.Error("the link of a deleted post was asked for")
	}
}

// TestPreviewsAreSpread: PRE-03, E7, N4: posts of other servers are looked at within a minute, our own at once.
func TestPreviewsAreSpread(t *testing.T) {
	t.Parallel()
	s := newScene(t, dbtest.SQLite(t))
	ann, eve := s.Account("ann"), s.Remote("eve", "far.example")
	due := func() []int64 {
		list, err := db.Column[int64](s.Ctx(), s.DB, "SELECT run_at - created_at FROM jobs WHERE kind = 'test.statuses.link_posted' ORDER BY 1")
		s.must(err)
		return list
	}
	s.Post(ann, "https://site.com/")
	if got := due(); len(got) != 1 || got[0] != 0 {
		t.Errorf("our own waits %v", got)
	}
	for i := range 200 {
		s.Receive(eve, link(fmt.Sprintf("https://site.com/%d", i)))
	}
	got := due()[1:]
	// That 200 of them leave ten seconds in a row out, at either end, is less likely than that the machine fails.
	if got[0] > 10_000 || got[199] < 50_000 || got[199] >= 60_000 {
		t.Errorf("they wait from %d to %d milliseconds", got[0], got[199])
	}
}

// TestOneAsksAtATime: PRE-03: of many jobs about one page one asks, the others come again.
func TestOneAsksAtATime(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := newScene(t, d)
		eve := s.Remote("eve", "far.example")
		s.put("/a", "<title>A</title>")
		s.mu.Lock()
		s.hold = make(chan struct{})
		s.mu.Unlock()
		for range 4 {
			s.Receive(eve, link(s.URL+"/a"))
		}
		events := s.wanted()
		ends := make(chan error, len(events))
		for _, e := range events {
			go func() { ends <- s.Links.Preview(s.Ctx(), e) }()
		}
		later := 0
		for range 3 {
			if err := <-ends; jobs.IsLater(err) {
				later++
			} else {
				t.Error(err)
			}
		}
		close(s.hold)
		s.must(<-ends)
		if later != 3 || s.count("/a") != 1 {
			t.Errorf("%d came again, %d asked", later, s.count("/a"))
		}
		for _, e := range events {
			s.must(s.Links.Preview(s.Ctx(), e))
			s.shows(&statuses.Status{ID: e.StatusID}, "A")
		}
		if s.count("/a") != 1 {
			t.Errorf("%d asked", s.count("/a"))
		}
	})
}

// TestHostilePages: PRE-01, PRE-02, IDN-09, SSRF-07.
func TestHostilePages(t *testing.T) {
	t.Parallel()
	s := newScene(t, dbtest.SQLite(t))
	eve := s.Remote("eve", "far.example")
	show := func(path, page string) *links.Card {
		t.Helper()
		s.put(path, page)
		st := s.Receive(eve, link(s.URL+path))
		s.look()
		return s.card(st)
	}
	if c := show("/huge", "<title>huge</title>"+strings.Repeat("x", 3<<20)+`<meta name="description" content="end">`); c == nil || c.Title != "huge" || c.Description != "" {
		t.Errorf("of a huge page %+v", c)
	}
	if c := show("/loop", "to:/loop"); c != nil {
		t.Errorf("of a loop %+v", c)
	}
	if c := show("/svg", `<title>t</title><meta property="og:image" content="/huge">`); c == nil || c.Image != "" {
		t.Errorf("what is no picture: %+v", c)
	}
	if c := show("/inside", `<title>t</title><meta property="og:image" content="http://10.0.0.1/x.png">`); c == nil || c.Image != "" {
		t.Errorf("a picture inside: %+v", c)
	}
	if c := show("/ours", `<title>t</title><meta name="twitter:player" content="https://local.example/settings">`); c == nil || c.HTML != "" || c.Kind != "link" {
		t.Errorf("a player of ours: %+v", c)
	}
	if c := show("/empty", "<p>nothing"); c != nil {
		t.Errorf("of nothing %+v", c)
	}
	// What is longer than an index takes, once it is escaped, is not looked at.
	long := "/" + strings.Repeat("ä", 700)
	if c := show(long, "<title>t</title>"); c != nil {
		t.Errorf("of a long address %+v", c)
	}
	if n, err := db.Value[int](s.Ctx(), s.DB, "SELECT MAX(LENGTH(url)) FROM preview_card_lookups"); err != nil || n > 2048 {
		t.Errorf("an address of %d bytes is kept, %v", n, err)
	}
	// Whoever a page names wrote it if they say so themselves.
	ann := s.Account("ann")
	page := `<title>t</title><meta name="fediverse:creator" content="@ann@local.example">`
	c := show("/mine", page)
	if c == nil || c.AuthorID != 0 || c.UnverifiedID != ann.ID {
		t.Fatalf("an author who did not agree: %+v", c)
	}
	reattribute := func(domains ...string) {
		t.Helper()
		_, err := s.Accounts.UpdateProfile(s.Ctx(), ann.ID, accounts.Profile{AttributionDomains: &domains})
		s.must(err)
		s.must(s.Links.Reattribute(s.Ctx(), accounts.ProfileUpdated{AccountID: ann.ID, Local: true}))
	}
	again := func() *links.Card { return show("/mine", page) }
	if reattribute("news.com"); again().AuthorID != ann.ID {
		t.Error("a domain above does not count")
	}
	if reattribute("log.news.com", "x.blog.news.com"); show("/mine2", page).AuthorID != 0 {
		t.Error("a domain counts that only ends alike")
	}
	if reattribute("blog.news.com"); show("/mine3", page).AuthorID != ann.ID {
		t.Error("the domain itself does not count")
	}
	s.must(s.Instances.Block(s.Ctx(), instances.Block{Domain: "news.com", Severity: instances.Suspend}))
	if c := show("/blocked", "<title>t</title>"); c != nil || s.count("/blocked") != 0 {
		t.Errorf("a suspended domain was asked: %+v", c)
	}
}
