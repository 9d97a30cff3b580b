package preview_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gomph/gomph/internal/kit/preview"
)

const at = "https://news.example/2026/tusks?page=1#top"

func TestParse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		page, kind string
		want       preview.Page
	}{
		"plain HTML": {page: `<html lang="de-AT"><head><title> Vier &amp;amp; Stoß
zähne </title><meta name=description content="Lang">`, want: preview.Page{URL: "https://news.example/2026/tusks?page=1", Kind: "link", Title: "Vier & Stoß zähne", Description: "Lang", Language: "de"}},
		"OpenGraph": {page: `<title>no</title><meta property="og:title" content="Tusks"><meta property="og:title" content="second"><meta name="og:description" content="Four">
<meta property="og:type" content="article"><meta property="og:image" content="/a.png"><meta property="og:image:alt" content="A jaw"><meta property="og:image:width" content="1200">
<meta property="og:image:height" content="630"><meta property="og:site_name" content="The News"><meta property="og:locale" content="pt_BR">
<meta property="article:published_time" content="2026-03-01T10:00:00+02:00"><meta name="fediverse:creator" content="@ann@good.example"><link rel="canonical" href="/tusks#x">`,
			want: preview.Page{URL: "https://news.example/tusks", Kind: "link", Title: "Tusks", Description: "Four", Article: true, Image: "https://news.example/a.png", ImageDescription: "A jaw",
				Width: 1200, Height: 630, ProviderName: "The News", Language: "pt", PublishedAt: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC), Creator: "@ann@good.example"}},
		"JSON-LD first": {page: `<meta property="og:title" content="og"><script type="application/ld+json">{"@type":"Organization"}</script><script type="application/ld+json">not json</script>
<script type="application/ld+json">//<![CDATA[
[{"@type":"NewsArticle","headline":"News","description":"D","inLanguage":["en"],"datePublished":"2026-01-02","author":[{"name":"Ann","url":"/ann"}],"publisher":{"name":"P"},"image":{"url":"/i.jpg"}}]
//]]></script>`, want: preview.Page{URL: "https://news.example/2026/tusks?page=1", Kind: "link", Title: "News", Description: "D", Language: "en", AuthorName: "Ann", AuthorURL: "https://news.example/ann",
			ProviderName: "P", Image: "https://news.example/i.jpg", PublishedAt: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), Article: true}},
		"another character set": {kind: "text/html; charset=windows-1251", page: "<title>\xcf\xf0\xe8\xe2\xe5\xf2</title>", want: preview.Page{URL: "https://news.example/2026/tusks?page=1", Kind: "link", Title: "Привет"}},
		"a player": {page: `<title>Film</title><meta name="twitter:player" content="https://play.example/e?a=1&b=2"><meta name="twitter:player:width" content="640"><meta name="twitter:player:height" content="360">`,
			want: preview.Page{URL: "https://news.example/2026/tusks?page=1", Kind: "video", Title: "Film", Player: "https://play.example/e?a=1&b=2", Width: 640, Height: 360,
				HTML: `<iframe src="https://play.example/e?a=1&amp;b=2" width="640" height="360" allowfullscreen="true" frameborder="0" scrolling="no" sandbox="allow-scripts allow-same-origin allow-popups allow-popups-to-escape-sandbox allow-forms"></iframe>`}},
		// PRE-02, IDN-09: nobody speaks for another host, and no address is one of anything but the web.
		"hostile": {page: `<title>T</title><link rel=canonical href="https://bank.example/"><meta property="og:image" content="javascript:alert(1)"><meta name="twitter:player" content="data:text/html,x">
<meta name="twitter:player:width" content="99999999"><link rel="alternate" type="application/json+oembed" href="http://news.example/oembed">`,
			want: preview.Page{URL: "https://news.example/2026/tusks?page=1", Kind: "link", Title: "T", OEmbed: "https://news.example/oembed"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.kind == "" {
				c.kind = "text/html; charset=utf-8"
			}
			if diff := cmp.Diff(&c.want, preview.Parse([]byte(c.page), c.kind, at)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	long := preview.Parse([]byte("<title>"+strings.Repeat("ä", 1000)), "text/html; charset=utf-8", at)
	if n := len([]rune(long.Title)); n != 501 {
		t.Errorf("a title has %d characters", n)
	}
}

// TestOEmbed: PRE-01: of foreign HTML nothing stays but the address of a player.
func TestOEmbed(t *testing.T) {
	t.Parallel()
	const endpoint = "https://tube.example/oembed"
	add := func(body string) (preview.Page, bool) {
		p := preview.Page{URL: "https://tube.example/1", Kind: "link", Title: "page", Description: "D"}
		ok := p.AddOEmbed([]byte(body), endpoint)
		return p, ok
	}
	video, ok := add(`{"version":"1.0","type":"video","title":"V","author_name":"A","author_url":"/a","provider_name":"Tube","provider_url":"https://tube.example/","thumbnail_url":"t.jpg","width":"640","height":360,
"html":"<script>x</script><iframe onload=x srcdoc=x src='//tube.example/e/1\"' width=640 height=360></iframe>"}`)
	frame := `<iframe src="https://tube.example/e/1%22" width="640" height="360" allowfullscreen="true" frameborder="0" scrolling="no" sandbox="allow-scripts allow-same-origin allow-popups allow-popups-to-escape-sandbox allow-forms"></iframe>`
	want := preview.Page{URL: "https://tube.example/1", Kind: "video", Title: "V", Description: "D", AuthorName: "A", AuthorURL: "https://tube.example/a", ProviderName: "Tube", ProviderURL: "https://tube.example/",
		Image: "https://tube.example/t.jpg", HTML: frame, Player: "https://tube.example/e/1%22", Width: 640, Height: 360}
	if diff := cmp.Diff(want, video); !ok || diff != "" {
		t.Errorf("video: %v (-want +got)\n%s", ok, diff)
	}
	photo, ok := add(`{"version":1,"type":"photo","url":"https://p.example/p.png","width":10,"height":20}`)
	if !ok || photo.Kind != "photo" || photo.EmbedURL != "https://p.example/p.png" || photo.Image != photo.EmbedURL || photo.Height != 20 || photo.Title != "page" {
		t.Errorf("photo: %+v", photo)
	}
	for _, refused := range []string{`{"version":"1.0","type":"rich","html":"<iframe src=https://a.example/>"}`, `{"version":"2","type":"link"}`, `{"type":"link"}`, `[]`, `{`, `{"version":"1.0","type":"photo","url":"javascript:x"}`} {
		if got, ok := add(refused); ok || got.Title != "page" {
			t.Errorf("%s is taken: %+v", refused, got)
		}
	}
	for _, src := range []string{`<iframe src="http://a.example/">`, `<iframe src="javascript:x">`, `<b>none</b>`, `<iframe>`} {
		if got, _ := preview.Frame(src); got != "" {
			t.Errorf("%s gives %s", src, got)
		}
	}
}

// FuzzParse: PRE-02: whatever a page is, what is made of it is bounded and of the web.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`<title>a</title><meta property="og:image" content="/a"><script type="application/ld+json">{"@type":"WebPage","headline":1,"author":[[]]}</script>`), "text/html")
	f.Fuzz(func(t *testing.T, body []byte, kind string) {
		p := preview.Parse(body, kind, at)
		p.AddOEmbed(body, "https://news.example/oembed")
		for _, a := range []string{p.Image, p.AuthorURL, p.ProviderURL, p.EmbedURL, p.OEmbed, p.Player} {
			if a != "" && !strings.HasPrefix(a, "https://") && !strings.HasPrefix(a, "http://") {
				t.Errorf("an address is %q", a)
			}
		}
		if !strings.HasPrefix(p.URL, "https://news.example/") || len(p.Title) > 4*600 || len(p.Description) > 4*1100 || strings.ContainsAny(p.Title+p.Description, "\x00\n") {
			t.Errorf("%+v", p)
		}
	})
}
