package crowd

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
)

// Size is how large a community is.
type Size struct{ Locals, Remotes, Posts int }

// Scaled is the community of a large server (10,000 people here, 100,000 elsewhere, a million posts), times a number from 0.001 to 100.
func Scaled(scale float64) (Size, error) {
	if !(scale >= 0.001 && scale <= 100) {
		return Size{}, errors.New("a scale is a number from 0.001 to 100; 1 means 10,000 people here, 100,000 elsewhere and a million posts")
	}
	times := func(n float64) int { return int(math.Round(n * scale)) }
	return Size{times(10_000), times(100_000), times(1_000_000)}, nil
}

const (
	// follows is how many people somebody here follows on average, and half as many from elsewhere follow somebody here.
	follows = 40
	// peopleAHost is how many people a server elsewhere has that are known here.
	peopleAHost = 100
	// topics is how many hashtags there are.
	topics = 3000
	// span is how far back posts go.
	span = 365 * 24 * time.Hour
)

// filling is what Fill knows of those whom it makes, by their number: those of here come first.
type filling struct {
	*Maker
	size     Size
	password string
	tell     func(what string, done, of int)

	people  []Account
	authors []int32 // of each post
	counts  []counts
	pairs   [][2]int32 // who follows whom
	popular *rand.Zipf
}

// Fill makes a community in a database that holds none: people, whom they follow, a year of posts with answers, boosts, likes, pictures and hashtags, and the
// notices of the last weeks. Everybody here has the password whose hash is given, and the access token bench-NAME for person1, person2 and so on. It may be
// stopped at any time, but not be gone on with. Nothing follows from what is made: no job runs, nobody is told.
func (s *Maker) Fill(ctx context.Context, size Size, passwordHash string, tell func(what string, done, of int)) error {
	f := &filling{Maker: s, size: size, password: passwordHash, tell: tell}
	f.ids = newSource(s.now.Add(-span - time.Hour))
	n := size.Locals + size.Remotes
	if size.Locals < 2 || size.Remotes < 2 {
		return errors.New("there must be at least two people here and two elsewhere")
	}
	f.popular = rand.NewZipf(s.chance, 1.1, float64(n)/100+1, uint64(n-1)) //nolint:gosec // n is positive
	f.counts = make([]counts, n)
	for i := range f.counts {
		f.counts[i].consents = s.chance.IntN(2) == 0
	}
	f.drawAuthors()
	f.drawFollows()
	for _, step := range []func(context.Context) error{f.makePeople, f.makeFollows, f.makePosts, s.Analyze} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// anybody is the number of somebody: few are chosen often. Who they are has nothing to do with their number.
func (f *filling) anybody() int32 {
	n := uint64(len(f.counts))
	return int32(f.popular.Uint64() * 7919 % n) //nolint:gosec // below n
}

// here is the number of somebody of this server.
func (f *filling) here() int32 { return f.anybody() % int32(f.size.Locals) } //nolint:gosec // far below 2^31

func (f *filling) at(post int) time.Time {
	return f.now.Add(-span + time.Duration(float64(span-time.Minute)*float64(post)/float64(f.size.Posts)))
}

// drawAuthors decides who writes what: a fifth comes from here.
func (f *filling) drawAuthors() {
	f.authors = make([]int32, f.size.Posts)
	for i := range f.authors {
		who := f.anybody()
		if f.chance.IntN(5) == 0 {
			who = f.here()
		}
		f.authors[i] = who
		f.counts[who].statuses++
		f.counts[who].last = db.Ms(f.at(i))
	}
}

func (f *filling) drawFollows() {
	seen := map[[2]int32]bool{}
	draw := func(times int, by, target func() int32) {
		for range times {
			p := [2]int32{by(), target()}
			if p[0] == p[1] || seen[p] {
				continue
			}
			seen[p] = true
			f.pairs = append(f.pairs, p)
			f.counts[p[0]].following++
			f.counts[p[1]].followers++
		}
	}
	locals, all := int32(f.size.Locals), int32(len(f.counts))                 //nolint:gosec // far below 2^31
	evenly := func() int32 { return f.chance.Int32N(locals) }                 // everybody here follows some
	elsewhere := func() int32 { return locals + f.chance.Int32N(all-locals) } // and is followed from elsewhere
	draw(f.size.Locals*follows, evenly, f.anybody)
	draw(f.size.Locals*follows/2, elsewhere, f.here)
}

func (f *filling) makePeople(ctx context.Context) error {
	hosts := f.into("instances", "domain", "created_at")
	for i := range f.hosts() {
		hosts.add(host(i), db.Ms(f.now))
	}
	tags := f.into("tags", "id", "name", "last_status_at", "created_at")
	for i := range topics {
		f.tags, f.tagNames = append(f.tags, f.ids.Next()), append(f.tagNames, fmt.Sprintf("topic%d", i))
		tags.add(f.tags[i], f.tagNames[i], db.Ms(f.now), db.Ms(f.now.Add(-span)))
	}
	if err := flush(ctx, f.db, hosts, tags); err != nil {
		return err
	}
	t := f.AccountTables()
	for i := range f.counts {
		if i < f.size.Locals {
			f.people = append(f.people, f.local(t, fmt.Sprintf("person%d", i), f.password, f.counts[i]))
		} else {
			f.people = append(f.people, f.remote(t, fmt.Sprintf("stranger%d", i), "https", host(i%f.hosts()), "", f.counts[i]))
		}
		if t.Full() || i == len(f.counts)-1 {
			if err := t.Flush(ctx, f.db); err != nil {
				return err
			}
			f.tell("people", i+1, len(f.counts))
		}
	}
	return nil
}

func (f *filling) hosts() int { return f.size.Remotes/peopleAHost + 1 }

func host(i int) string { return fmt.Sprintf("host%d.example", i) }

func (f *filling) makeFollows(ctx context.Context) error {
	t := f.into("follows", "id", "account_id", "target_account_id", "created_at")
	notices := f.notices()
	for i, p := range f.pairs {
		id, at := f.ids.Next(), f.now.Add(-time.Duration(float64(span)*float64(len(f.pairs)-i)/float64(len(f.pairs))))
		by, target := f.people[p[0]], f.people[p[1]]
		t.add(id, by.ID, target.ID, db.Ms(at))
		f.notice(notices, "follow", target, by, 0, id, at)
		if len(t.rows) == batch || i == len(f.pairs)-1 {
			if err := flush(ctx, f.db, t, notices); err != nil {
				return err
			}
			f.tell("follows", i+1, len(f.pairs))
		}
	}
	return nil
}
