package trends_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/domain/trends"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/testkit/dbtest"
	"github.com/gomph/gomph/internal/testkit/draw"
	world "github.com/gomph/gomph/internal/testkit/make"
)

// scene is a world with people of other servers who talk.
type scene struct {
	*world.World
	*trends.Service
	t      *testing.T
	config *settings.Service
	people []*accounts.Account
}

func newScene(t *testing.T, d *db.DB) *scene {
	t.Helper()
	w := world.New(t, d)
	// It is morning, so that nothing of a test is of another day than it means.
	w.Clock.Advance(w.Clock.Now().Truncate(24 * time.Hour).Add(33 * time.Hour).Sub(w.Clock.Now()))
	s := &scene{World: w, t: t, config: settings.New(settings.Deps{DB: d, IDs: w.IDs, Clock: w.Clock, Site: w.Site})}
	s.Service = trends.New(trends.Deps{DB: d, Clock: w.Clock, Settings: s.config})
	for i := range 8 {
		s.people = append(s.people, w.Remote(fmt.Sprintf("p%d", i), fmt.Sprintf("host%d.example", i)))
	}
	return s
}

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// say lets the first n people post with a hashtag.
func (s *scene) say(n int, tag string, edit ...func(*statuses.Incoming)) (out []*statuses.Status) {
	s.t.Helper()
	for _, p := range s.people[:n] {
		out = append(out, s.Receive(p, "about "+tag, append(edit, func(in *statuses.Incoming) { in.Tags = []string{tag} })...))
	}
	return out
}

// refresh lets what was said settle, and finds out what is talked about.
func (s *scene) refresh() {
	s.t.Helper()
	s.Clock.Advance(10 * time.Minute)
	s.must(s.Refresh(s.Ctx(), trends.RefreshDue{}))
}

// names are the hashtags that trend, allowed ones first marked.
func (s *scene) names(kind trends.Kind) string {
	s.t.Helper()
	list, err := s.Items(s.Ctx(), s.DB, kind)
	s.must(err)
	var out []string
	for _, i := range list {
		name := i.Name
		if i.Allowed {
			name += "!"
		}
		out = append(out, name)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func (s *scene) want(kind trends.Kind, names string) {
	s.t.Helper()
	if got := s.names(kind); got != names {
		s.t.Errorf("of %s trend %q, want %q", kind, got, names)
	}
}

func (s *scene) tag(name string) statuses.Tag {
	s.t.Helper()
	t, err := s.World.Statuses.TagNamed(s.Ctx(), s.DB, name)
	s.must(err)
	return t
}

// use is how often, and by how many, a hashtag was used some days ago.
func (s *scene) use(name string, daysAgo int) statuses.TagUse {
	s.t.Helper()
	id := s.tag(name).ID
	h, err := s.History(s.Ctx(), s.DB, trends.Tag, []int64{id})
	s.must(err)
	return h[id][s.Clock.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -daysAgo).Unix()]
}

// TestTags: VIS-03: what many people use in public trends, from five of them on; the highest score decays, and what is usual is no news.
func TestTags(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := newScene(t, d)
		ann := s.Account("ann")
		s.say(8, "elephants")
		again := s.say(1, "elephants")[0]
		s.say(4, "few")
		s.say(8, "quiet", func(in *statuses.Incoming) { in.Visibility = statuses.Unlisted })
		_, err := s.World.Statuses.Reblog(s.Ctx(), ann, again.ID, statuses.Public, "", time.Time{})
		s.must(err)
		s.must(s.Refresh(s.Ctx(), trends.RefreshDue{})) // too early: nothing settled yet
		s.want(trends.Tag, "")
		s.refresh()
		s.want(trends.Tag, "elephants")
		if got := s.use("elephants", 0); got != (statuses.TagUse{Uses: 9, Accounts: 8}) {
			t.Errorf("used are elephants %+v", got)
		}
		// Counted once, however often it is read, and by whoever.
		ends := twice(t, s)
		for range 2 {
			if err := <-ends; err != nil && !strings.Contains(err.Error(), "another run") {
				t.Error(err)
			}
		}
		if got := s.use("elephants", 0); got.Uses != 9 || s.use("few", 0).Accounts != 4 || s.use("quiet", 0).Uses != 0 {
			t.Errorf("counted twice: %+v", got)
		}
		// Nothing is shown before it is allowed, unless the server says so.
		shown := func() int {
			list, err := s.Tags(s.Ctx(), s.DB, trends.Wanted{Limit: 10})
			s.must(err)
			return len(list)
		}
		if shown() != 0 {
			t.Error("shown before anybody looked at it")
		}
		subject := strconv.FormatInt(s.tag("elephants").ID, 10)
		s.must(s.Review(s.Ctx(), trends.Tag, subject, true))
		if s.want(trends.Tag, "elephants!"); shown() != 1 {
			t.Error("not shown though it is allowed")
		}
		s.must(s.config.Set(s.Ctx(), "trendable_by_default", "true"))
		s.must(s.Review(s.Ctx(), trends.Tag, subject, false))
		s.refresh()
		if s.want(trends.Tag, "elephants"); shown() != 0 {
			t.Error("shown though it was refused")
		}
		s.must(s.Review(s.Ctx(), trends.Tag, subject, true))
		// A score of 49 is below 1 after 23 hours; as many people as yesterday are no news.
		s.Clock.Advance(20 * time.Hour)
		s.refresh()
		s.want(trends.Tag, "elephants!")
		s.say(8, "elephants")
		s.refresh()
		s.Clock.Advance(4 * time.Hour)
		s.refresh()
		s.want(trends.Tag, "")
		if today, before := s.use("elephants", 0), s.use("elephants", 1); today.Accounts != 8 || before.Uses != 9 {
			t.Errorf("used are elephants %+v, and before %+v", today, before)
		}
		s.Clock.Advance(9 * 24 * time.Hour)
		s.refresh()
		left, err := db.Value[int](s.Ctx(), s.DB, "SELECT (SELECT COUNT(*) FROM trend_days) + (SELECT COUNT(*) FROM trend_peaks) + (SELECT COUNT(*) FROM trends)")
		s.must(err)
		if left != 0 {
			t.Errorf("%d rows are left of what nobody talks about any more", left)
		}
	})
}

// twice lets two runs go on at once.
func twice(t *testing.T, s *scene) <-chan error {
	t.Helper()
	s.say(1, "few")
	s.Clock.Advance(10 * time.Minute)
	ends := make(chan error, 2)
	for range 2 {
		go func() { ends <- s.Refresh(s.Ctx(), trends.RefreshDue{}) }()
	}
	return ends
}

// TestStatuses: VIS-03: posts trend that many like, of people who want to be found; of those who do not, and what is hidden, none do.
func TestStatuses(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := newScene(t, d)
		known := s.Account("known")
		yes := true
		_, err := s.Accounts.UpdateProfile(s.Ctx(), known.ID, accounts.Profile{Discoverable: &yes})
		s.must(err)
		shy := s.Account("shy")
		post := func(by *accounts.Account, text string, edit ...func(*statuses.Draft)) *statuses.Status {
			st := s.Post(by, text, append([]func(*statuses.Draft){func(d *statuses.Draft) { d.Language = "en" }}, edit...)...)
			for _, p := range s.people[:7] {
				_, err := s.World.Statuses.Favourite(s.Ctx(), p, st.ID, "")
				s.must(err)
			}
			return st
		}
		liked := post(known, "liked")
		german := post(known, "gemocht", func(d *statuses.Draft) { d.Language = "de" })
		boosted := s.Post(known, "boosted", func(d *statuses.Draft) { d.Language = "en" })
		for _, p := range s.people[:5] {
			_, err := s.World.Statuses.Reblog(s.Ctx(), p, boosted.ID, statuses.Public, p.URI+"/boosts/1", time.Time{})
			s.must(err)
		}
		post(shy, "not discoverable")
		post(known, "an answer", func(d *statuses.Draft) { d.InReplyToID = liked.ID })
		post(known, "sensitive", func(d *statuses.Draft) { d.Sensitive = true })
		post(known, "warned", func(d *statuses.Draft) { d.SpoilerText = "careful" })
		post(known, "quiet", func(d *statuses.Draft) { d.Visibility = statuses.Unlisted })
		hidden := s.Post(shy, "quote me", func(d *statuses.Draft) { d.QuotePolicy = statuses.QuotableByAll })
		post(known, "quotes somebody shy", func(d *statuses.Draft) { d.QuotedStatusID = hidden.ID })
		quotes := post(known, "quotes somebody known", func(d *statuses.Draft) {
			d.QuotedStatusID = s.Post(known, "q", func(d *statuses.Draft) { d.QuotePolicy = statuses.QuotableByAll }).ID
		})
		gone := post(known, "deleted")
		_, err = s.World.Statuses.Delete(s.Ctx(), known, gone.ID)
		s.must(err)
		few := s.Post(known, "few", func(d *statuses.Draft) { d.Language = "en" })
		_, err = s.World.Statuses.Favourite(s.Ctx(), s.people[0], few.ID, "")
		s.must(err)
		s.refresh()
		urls := []string{liked.URL, german.URL, boosted.URL, quotes.URL}
		slices.Sort(urls)
		s.want(trends.Status, strings.Join(urls, " "))
		// One decision on the author counts for all, one on a post for that alone.
		s.must(s.Review(s.Ctx(), trends.Author, strconv.FormatInt(int64(known.ID), 10), true))
		s.must(s.Review(s.Ctx(), trends.Status, strconv.FormatInt(int64(quotes.ID), 10), false))
		list := func(viewer accounts.ID, language string) []statuses.ID {
			t.Helper()
			out, err := s.Service.Statuses(s.Ctx(), s.DB, trends.Wanted{Viewer: viewer, Language: language, Limit: 10})
			s.must(err)
			return out
		}
		if got := list(0, "de"); len(got) != 3 || got[0] != german.ID {
			t.Errorf("in German trend %v", got)
		}
		if got := list(0, ""); len(got) != 3 || got[2] != boosted.ID {
			t.Errorf("to nobody are shown %v", got)
		}
		reader := s.Account("reader")
		s.must(s.Relations.Mute(s.Ctx(), reader.ID, known.ID, relations.MuteOptions{}))
		if got := list(reader.ID, ""); len(got) != 0 {
			t.Errorf("of somebody who is muted are shown %v", got)
		}
		s.must(s.Relations.Unmute(s.Ctx(), reader.ID, known.ID))
		s.must(s.Relations.Block(s.Ctx(), known, reader, ""))
		if got := list(reader.ID, ""); len(got) != 0 {
			t.Errorf("of somebody who blocks the reader are shown %v", got)
		}
		// A score of 36 is below 0.3 after seven hours.
		s.Clock.Advance(4 * time.Hour)
		if s.refresh(); s.names(trends.Status) == "" {
			t.Error("it is over too soon")
		}
		s.Clock.Advance(4 * time.Hour)
		s.refresh()
		s.want(trends.Status, "")
	})
}

// TestLinks: articles trend that many link to or boost, and have a timeline then.
func TestLinks(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := newScene(t, d)
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/p.png" {
				_, _ = w.Write(draw.PNG(draw.Quarters(3, 2)))
				return
			}
			kind := "article"
			if r.URL.Path == "/shop" {
				kind = "product"
			}
			w.Header().Set("Content-Type", "text/html")
			_, _ = fmt.Fprintf(w, `<html lang="en"><title>%s</title><meta property="og:type" content="%s"><meta property="og:description" content="D"><meta property="og:image" content="/p.png"><meta property="og:site_name" content="S">`, r.URL.Path, kind)
		}))
		t.Cleanup(web.Close)
		site := strings.Replace(web.URL, "127.0.0.1", "news.com", 1)
		link := func(n int, path string, edit ...func(*statuses.Incoming)) (out []*statuses.Status) {
			for _, p := range s.people[:n] {
				out = append(out, s.Receive(p, `<a href="`+site+path+`">x</a>`, edit...))
			}
			for _, e := range s.Events() {
				if l, ok := e.(statuses.LinkPosted); ok {
					s.must(s.World.Links.Preview(s.Ctx(), l))
				}
			}
			return out
		}
		posts := link(3, "/news")
		for _, p := range s.people[3:8] {
			_, err := s.World.Statuses.Reblog(s.Ctx(), p, posts[0].ID, statuses.Public, p.URI+"/boosts/1", time.Time{})
			s.must(err)
		}
		link(8, "/shop")
		link(8, "/quiet", func(in *statuses.Incoming) { in.Visibility = statuses.Unlisted })
		link(8, "/warned", func(in *statuses.Incoming) { in.SpoilerText = "careful" })
		s.refresh()
		s.want(trends.Link, site+"/news")
		timeline := func(viewer accounts.ID) ([]statuses.ID, error) {
			return s.LinkTimeline(s.Ctx(), s.DB, viewer, site+"/news", db.Page{Limit: 10})
		}
		if _, err := timeline(0); !errs.IsNotFound(err) {
			t.Errorf("a link that nobody allowed has a timeline: %v", err)
		}
		s.must(s.Review(s.Ctx(), trends.Publisher, strings.TrimPrefix(site, "http://"), true))
		s.want(trends.Link, site+"/news!")
		// The nearest decision counts: that on the host, not that on a domain above.
		_, above, _ := strings.Cut(strings.TrimPrefix(site, "http://"), ".")
		s.must(s.Review(s.Ctx(), trends.Publisher, above, false))
		s.want(trends.Link, site+"/news!")
		cards, err := s.Service.Links(s.Ctx(), s.DB, trends.Wanted{Limit: 10})
		if err != nil || len(cards) != 1 || cards[0].Title != "/news" {
			t.Errorf("shown are %+v, %v", cards, err)
		}
		if got, err := timeline(0); err != nil || len(got) != 0 {
			t.Errorf("posts of people who do not want to be found are shown: %v %v", got, err)
		}
		s.must(s.DB.Write(s.Ctx(), func(tx *db.Tx) error {
			_, err := tx.Exec(s.Ctx(), "UPDATE accounts SET discoverable = TRUE WHERE username <> 'p1'")
			return err
		}))
		if got, err := timeline(0); err != nil || !slices.Equal(got, []statuses.ID{posts[2].ID, posts[0].ID}) {
			t.Errorf("the timeline is %v, %v", got, err)
		}
		reader := s.Account("reader")
		s.must(s.Relations.BlockDomain(s.Ctx(), reader, s.people[2].Domain))
		if got, err := timeline(reader.ID); err != nil || !slices.Equal(got, []statuses.ID{posts[0].ID}) {
			t.Errorf("the timeline of a reader is %v, %v", got, err)
		}
		if err := s.Review(s.Ctx(), "nonsense", "1", true); !isInvalid(err) {
			t.Errorf("a decision on nonsense: %v", err)
		}
	})
}

func isInvalid(err error) bool {
	var e *errs.Error
	return errors.As(err, &e) && e.Kind == errs.InvalidKind
}
