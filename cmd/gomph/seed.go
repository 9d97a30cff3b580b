package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/app"
	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/schema/crowd"
)

// seedPassword is everybody's password in the seeded community; it is for trying things out alone.
const seedPassword = "gomph-gomph-gomph" //nolint:gosec // printed by the command, on purpose

type seedCmd struct {
	Scale float64 `placeholder:"N" help:"Make a large community instead, to measure with: 10,000 people here, 100,000 elsewhere and a million posts, times N (0.001 to 100). The database must hold nobody yet."`
}

type seedPerson struct{ name, display, note string }

var seedPeople = []seedPerson{
	{"ada", "Ada Brandt", "I bind books and repair older ones. Paper, glue, patience. She/her."},
	{"bruno", "Bruno Okafor", "Night trains, timetables, and the long way round. #trains"},
	{"chloe", "Chloé Marchand", "Botaniste des trottoirs. Everything that grows between paving stones."},
	{"dmitri", "Dmitri Sand", "Radio amateur, retired physics teacher. Ask me about antennas."},
	{"emi", "Emi Tanaka 田中恵美", "Ceramics and too many cats. 陶芸と猫。"},
	{"farid", "Farid Haddad", "I cook for forty people every day and write down what they liked."},
	{"greta", "Greta Lind", "Bird surveys, bad weather, good boots. #birds"},
	{"hollis", "Hollis Wren", "This server's librarian. I answer questions and point at shelves."},
}

// seedPost is a post by one of the people; answer is the index of the post it answers, -1 for none.
type seedPost struct {
	by, text, warning string
	answer            int
}

var seedPosts = []seedPost{
	{"ada", "Took apart a hymnal from 1874 this morning. Somebody had pressed a four-leaf clover at page 112 and it held its colour for a century and a half. #bookbinding", "", -1},
	{"greta", "Waxwings! Forty of them in the rowan by the bus stop, and not one commuter looking up. #birds", "", -1},
	{"bruno", "The 22:04 to the coast is on time, warm, and nearly empty. I have a window, a thermos and no reception. See you all tomorrow. #trains", "", -1},
	{"chloe", "Found a fern growing out of a rain gutter four storeys up. Nobody planted it. Nobody will ever water it. It is doing better than my entire balcony.", "", -1},
	{"hollis", "Welcome to everyone who arrived this week. Write an introduction with #introduction, follow three people you do not know, and tell me which topic has no shelf yet.", "", -1},
	{"dmitri", "@hollis There is no shelf for people who listen to number stations for fun. Asking for a friend. The friend is me.", "", 4},
	{"hollis", "@dmitri There is now. Second floor, behind the maps. Bring your own headphones.", "", 5},
	{"farid", "Lentil soup for forty, notes: more lemon than you think, less cumin than your uncle thinks. Thirty-eight empty bowls. #cooking", "", -1},
	{"emi", "The kiln is open and nothing cracked. 窯を開けました。ひとつも割れていません。 #ceramics", "", -1},
	{"greta", "@emi Forty years of pottery in the family and I still hold my breath for strangers' kilns. Congratulations!", "", 8},
	{"ada", "A question for people who know glue: wheat paste or methyl cellulose for a spine that will be opened every Sunday? #bookbinding", "", -1},
	{"chloe", "@ada Not a glue person, but every herbarium sheet I trust was mounted with methyl cellulose, and some of them are older than my grandmother.", "", 10},
	{"bruno", "The sleeper ends in a dune field and the last carriage is a café now. I am not going to describe the cake.", "long post about cake that I then did not write", -1},
	{"dmitri", "Heard Greenland on ten watts and a wire in the apple tree. I have been grinning at the neighbours all day. #radio", "", -1},
	{"emi", "The cats have discovered the drying shelf. Seven bowls, four paw prints, one new glaze technique. #ceramics #cats", "", -1},
	{"farid", "Somebody left a note in an empty bowl: “my mother's tasted like this”. I am keeping it next to the stove.", "", -1},
	{"greta", "Counted 212 geese, lost count, started over, counted 209, decided the truth is a flock and not a number. #birds", "", -1},
	{"hollis", "Library tip: you can follow a hashtag the way you follow a person. Try #birds on a grey Monday.", "", -1},
}

// Run makes a small community, or a large one. Run again, it leaves what is there alone.
func (c *seedCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		if c.Scale != 0 {
			return seedCrowd(e, a, c.Scale)
		}
		people := map[string]*accounts.Account{}
		for _, p := range seedPeople {
			account, err := seedAccount(e, a, p)
			if err != nil {
				return fmt.Errorf("making %s: %w", p.name, err)
			}
			people[p.name] = account
		}
		if people["ada"].StatusesCount > 0 {
			_, err := fmt.Fprintln(e.out, "the community is there already")
			return err
		}
		if err := seedRelations(e, a, people); err != nil {
			return err
		}
		if err := seedTalk(e, a, people); err != nil {
			return err
		}
		_, err := fmt.Fprintf(e.out, "made %d people and %d posts. Sign in as any of them, for example ada@seed.example, with the password %s\n", len(seedPeople), len(seedPosts), seedPassword)
		return err
	})
}

// seedCrowd makes a large community, around the server.
func seedCrowd(e *env, a *app.App, scale float64) error {
	size, err := crowd.Scaled(scale)
	if err != nil {
		return err
	}
	inhabited, err := a.Access.Any(e.ctx, a.DB)
	if err != nil {
		return err
	}
	if inhabited {
		return errors.New("somebody has an account here already: a large community is made in a database that holds nobody")
	}
	hash, err := a.Access.HashPassword(e.ctx, seedPassword)
	if err != nil {
		return err
	}
	t := &teller{out: e.out, now: time.Now}
	if err := crowd.New(a.DB, a.Site.Base()).Fill(e.ctx, size, hash, t.tell); err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.out, "made %d people here, %d elsewhere and %d posts\nSign in as person0@people.example, person1@people.example and so on, with the password %s.\n"+
		"Their access tokens are bench-person0, bench-person1 and so on: never let others reach this server.\n", size.Locals, size.Remotes, size.Posts, seedPassword)
	return err
}

func seedAccount(e *env, a *app.App, p seedPerson) (*accounts.Account, error) {
	account, err := a.Accounts.ByAcct(e.ctx, a.DB, p.name, "")
	if err == nil || !errs.IsNotFound(err) {
		return account, err
	}
	u, err := a.Access.CreateByAdmin(e.ctx, access.NewByAdmin{Username: p.name, Email: p.name + "@seed.example", Password: seedPassword, Confirmed: true})
	if err != nil {
		return nil, err
	}
	yes := true
	return a.Accounts.UpdateProfile(e.ctx, u.AccountID, accounts.Profile{DisplayName: &p.display, Note: &p.note, Discoverable: &yes, Indexable: &yes})
}

// seedRelations lets everybody follow most others: each but one, which makes for different homes.
func seedRelations(e *env, a *app.App, people map[string]*accounts.Account) error {
	for i, by := range seedPeople {
		for k, target := range seedPeople {
			if i == k || (i+3)%len(seedPeople) == k {
				continue
			}
			if err := a.Relations.Follow(e.ctx, people[by.name], people[target.name], relations.FollowOptions{}); err != nil {
				return fmt.Errorf("following: %w", err)
			}
		}
	}
	return nil
}

func seedTalk(e *env, a *app.App, people map[string]*accounts.Account) error {
	made := make([]*statuses.Status, len(seedPosts))
	for i, p := range seedPosts {
		d := statuses.Draft{Text: p.text, SpoilerText: p.warning, Language: "en"}
		if p.answer >= 0 {
			d.InReplyToID = made[p.answer].ID
		}
		var err error
		if made[i], err = a.Statuses.Post(e.ctx, people[p.by], d); err != nil {
			return fmt.Errorf("posting %.20q: %w", p.text, err)
		}
		for k, liker := range seedPeople {
			if liker.name == p.by || (i*7+k*3)%4 == 0 {
				continue
			}
			if _, err := a.Statuses.Favourite(e.ctx, people[liker.name], made[i].ID, ""); err != nil {
				return fmt.Errorf("liking: %w", err)
			}
			if (i+k)%5 == 0 && !strings.HasPrefix(p.text, "@") {
				if _, err := a.Statuses.Reblog(e.ctx, people[liker.name], made[i].ID, statuses.Public, "", time.Time{}); err != nil {
					return fmt.Errorf("boosting: %w", err)
				}
			}
		}
	}
	return nil
}
