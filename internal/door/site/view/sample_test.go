package view

import (
	"html/template"
	"testing/fstest"
	"time"
)

// The sample community of the golden files: believable data for every page.

const origin = "https://fernbank.example"

func at(day, hour, minute int) time.Time {
	return time.Date(2026, time.November, day, hour, minute, 0, 0, time.UTC)
}

func sampleSite() Site {
	return Site{
		Name: "Fernbank", Domain: "fernbank.example", URL: origin, Version: "0.1.0", SourceURL: "https://code.example/gomph",
		Description: "A quiet corner for naturalists, makers and people who look at things for a long time.",
		SignUps:     SignUpsApproval, Users: 1284, Posts: 48_213, Peers: 9_640,
	}
}

func samplePage() Page { return Page{Site: sampleSite(), CSRF: "csrf-7f3a"} }

func signedInPage() Page {
	p := samplePage()
	p.Viewer = &Viewer{DisplayName: "Ines Duarte", Acct: "ines@fernbank.example", URL: origin + "/@ines", AvatarURL: origin + "/avatars/ines.svg"}
	return p
}

func person(username, name string) Account {
	return Account{
		ID: "10" + username, Username: username, Acct: username + "@fernbank.example", DisplayName: name,
		URL: origin + "/@" + username, ActivityURL: origin + "/users/" + username, AvatarURL: origin + "/avatars/" + username + ".svg",
	}
}

func ines() Account {
	a := person("ines", "Ines Duarte")
	a.NoteHTML = `<p>Field notes from the salt marsh. Moss, mud and the odd spoonbill. I draw what I see and get it slightly wrong on purpose.</p><p>Also <a href="https://fernbank.example/tags/fieldnotes" class="mention hashtag" rel="tag">#<span>fieldnotes</span></a></p>`
	a.HeaderURL = origin + "/media/marsh.svg"
	a.Fields = []Field{
		{Name: "Website", ValueHTML: `<a href="https://ines.example" rel="me nofollow noopener" translate="no"><span class="invisible">https://</span>ines.example</a>`, VerifiedAt: at(2, 9, 0)},
		{Name: "Pronouns", ValueHTML: "she/her"},
		{Name: "Where", ValueHTML: "Between two tides"},
	}
	a.Roles = []string{"Admin"}
	a.Posts, a.Following, a.Followers = 1_932, 214, 3_480
	a.CreatedAt = at(1, 0, 0).AddDate(-3, -2, 0)
	return a
}

func tomas() Account {
	a := person("tomas", "Tomás R.")
	a.AvatarURL = ""
	return a
}

func remote() Account {
	return Account{
		ID: "20", Username: "yuna", Acct: "yuna@moss.example", DisplayName: "Yuna Park", URL: "https://moss.example/@yuna",
		DisplayNameHTML: `Yuna Park <img class="custom-emoji" src="https://fernbank.example/emoji/fern.svg" alt=":fern:" title=":fern:" draggable="false">`,
		ActivityURL:     "https://moss.example/users/yuna", AvatarURL: origin + "/avatars/yuna.svg", Locked: true,
	}
}

func tideBot() Account {
	a := person("tides", "Tide Table")
	a.Bot, a.AvatarURL = true, ""
	return a
}

func post(id string, by Account, when time.Time, content string) Post {
	return Post{
		ID: id, URL: by.URL + "/" + id, ActivityURL: by.ActivityURL + "/statuses/" + id, Account: by, FromHere: true,
		ContentHTML: template.HTML(content), Visibility: "public", CreatedAt: when, Language: "en",
	}
}

func photoPost() Post {
	p := post("115597001", ines(), at(23, 7, 12), `<p>First frost on the reeds. Twenty minutes later it was gone, and so was the feeling in my fingers. <a href="https://fernbank.example/tags/fieldnotes" class="mention hashtag" rel="tag">#<span>fieldnotes</span></a></p>`)
	p.Media = []Media{
		{Kind: MediaImage, URL: origin + "/media/reeds.svg", PreviewURL: origin + "/media/reeds.svg", W: 1200, H: 800, Blurhash: "LEHV6nWB2yk8pyo0adR*.7kCMdnj", Description: "Reeds covered in frost, a low orange sun behind them."},
		{Kind: MediaImage, URL: origin + "/media/marsh.svg", PreviewURL: origin + "/media/marsh.svg", W: 1200, H: 800, Description: "The salt marsh at dawn, water in every hollow."},
	}
	p.Replies, p.Boosts, p.Favourites = 12, 48, 231
	return p
}

func warnedPost() Post {
	p := post("115597002", tomas(), at(22, 21, 40), `<p>The heron ate the duckling. I know, I know. It was over in a second and I have been thinking about it all day.</p>`)
	p.SpoilerText, p.Sensitive = "Nature being nature (bird death)", true
	p.Replies, p.Boosts, p.Favourites = 4, 2, 37
	p.EditedAt = at(22, 21, 52)
	return p
}

func pollPost() Post {
	p := post("115597003", person("oke", "Oke Adeyemi"), at(22, 16, 5), `<p>We have money for one thing at the reserve this winter. What should it be?</p>`)
	p.Poll = &Poll{Votes: 214, ExpiresAt: at(25, 16, 0), Options: []PollOption{
		{Title: "A second hide on the east bank", Votes: 97}, {Title: "Fix the boardwalk", Votes: 104}, {Title: "Better binoculars for school groups", Votes: 13},
	}}
	p.Replies, p.Boosts, p.Favourites = 31, 19, 44
	return p
}

func cardPost() Post {
	p := post("115597004", remote(), at(21, 10, 30), `<p>If you ever wondered why gomphotheres had four tusks: nobody is quite sure, and that is the best part.</p>`)
	p.FromHere = false
	boosted := tomas()
	p.BoostedBy = &boosted
	p.Card = &Card{URL: "https://museum.example/gomphotheres", Title: "Four tusks and a long jaw: life of the gomphotheres", Provider: "museum.example",
		Description: "For twenty million years they were the most widespread elephants on Earth.", ImageURL: origin + "/media/museum.svg"}
	p.Replies, p.Boosts, p.Favourites = 8, 1_312, 2_904
	return p
}

func arabicPost() Post {
	p := post("115597005", person("layla", "ليلى حداد"), at(20, 18, 22), `<p>وصلت طيور الكركي هذا المساء. سمعناها قبل أن نراها.</p>`)
	p.Language = "ar"
	p.Favourites, p.Replies = 73, 5
	return p
}

func veiledPost() Post {
	p := post("115597006", person("oke", "Oke Adeyemi"), at(19, 12, 1), `<p>Dissected an owl pellet with the kids. Three voles and a very surprised beetle.</p>`)
	p.Sensitive = true
	p.Media = []Media{{Kind: MediaImage, URL: origin + "/media/pellet.svg", PreviewURL: origin + "/media/pellet.svg", W: 1200, H: 900, Blurhash: "LEHV6nWB2yk8pyo0adR*.7kCMdnj", Description: "Small bones laid out on paper."}}
	p.Tags = []TagLink{{Name: "owls", URL: origin + "/tags/owls"}, {Name: "SchoolTrip", URL: origin + "/tags/schooltrip"}}
	return p
}

func mediaPost() Post {
	p := post("115597007", tideBot(), at(18, 6, 0), `<p>High water 06:42, 4.1 m. Low water 12:58, 0.7 m.</p>`)
	p.Visibility = "unlisted"
	p.Media = []Media{
		{Kind: MediaVideo, URL: origin + "/media/tide.mp4", PreviewURL: origin + "/media/marsh.svg", W: 640, H: 360, Description: "The tide coming in, sped up."},
		{Kind: MediaAudio, URL: origin + "/media/tide.mp3", Description: "Wind and a curlew."},
		{Kind: "unknown", URL: "https://moss.example/tide.pdf", Description: "Tide table as PDF"},
	}
	return p
}

func allPosts() []Post {
	return []Post{photoPost(), warnedPost(), pollPost(), cardPost(), arabicPost(), veiledPost(), mediaPost()}
}

func sampleRules() []Rule {
	return []Rule{
		{Text: "Be kind, above all to people who are new.", Hint: "Assume that they meant well, and ask before you correct."},
		{Text: "Say what is in a picture.", Hint: "Describe pictures for those who cannot see them."},
		{Text: "No harassment, no hate, no exceptions."},
		{Text: "Do not give away where rare birds nest."},
	}
}

func replyFrom(a Account, id, content string, to Account) Post {
	p := post(id, a, at(23, 8, 3), content)
	p.InReplyTo = &ReplyTo{Acct: to.Acct, URL: to.URL}
	return p
}

// builtDist is what Vite writes, small.
func builtDist() fstest.MapFS {
	return fstest.MapFS{".vite/manifest.json": {Data: []byte(
		`{"src/main.ts":{"file":"assets/main-abc123.js","name":"main","src":"src/main.ts","isEntry":true,"css":["assets/main-def456.css"]}}`)}}
}
