package view

import (
	"bytes"
	"html/template"
	"strings"
	"sync"
)

// maxFragments bounds each of the two generations of drawn posts: together some 15 MB.
const maxFragments = 3000

// postKey is all that a drawn post shows. Two posts with the same key look the same.
type postKey struct {
	id, url, spoiler, language, media string
	content                           template.HTML
	created, edited                   int64
	by, booster                       accountKey
	reply                             ReplyTo
	replies, boosts, favourites       int64
	sensitive, pinned, fromHere       bool
}

// accountKey is all that is shown of an account beside a post.
type accountKey struct {
	url, acct, name, avatar string
	html                    template.HTML
	bot, group, locked      bool
}

func keyOf(a *Account) accountKey {
	return accountKey{a.URL, a.Acct, a.Name(), a.AvatarURL, a.DisplayNameHTML, a.Bot, a.Group, a.Locked}
}

// key reports false for a post that changes with time, or that shows what is in no key.
func (p *Post) key() (postKey, bool) {
	if p.Poll != nil || p.Card != nil || len(p.Tags) > 0 {
		return postKey{}, false
	}
	k := postKey{
		id: p.ID, url: p.URL, spoiler: p.SpoilerText, language: p.Language, content: p.ContentHTML, created: p.CreatedAt.UnixNano(), edited: p.EditedAt.UnixNano(), by: keyOf(&p.Account),
		replies: p.Replies, boosts: p.Boosts, favourites: p.Favourites, sensitive: p.Sensitive, pinned: p.Pinned, fromHere: p.FromHere,
	}
	if p.BoostedBy != nil {
		k.booster = keyOf(p.BoostedBy)
	}
	if p.InReplyTo != nil {
		k.reply = *p.InReplyTo
	}
	if len(p.Media) > 0 {
		var b strings.Builder
		for _, m := range p.Media {
			size := [4]byte{byte(m.W), byte(m.W >> 8), byte(m.H), byte(m.H >> 8)} //nolint:gosec // for comparing
			for _, s := range []string{string(m.Kind), m.URL, m.PreviewURL, m.Description, m.Blurhash, string(size[:])} {
				b.WriteString(s)
				b.WriteByte(0)
			}
		}
		k.media = b.String()
	}
	return k, true
}

// fragments keeps posts in lists as they were drawn: a template takes as long for one as all else that a page needs for it.
type fragments struct {
	mu         sync.Mutex
	young, old map[postKey]template.HTML
}

func (f *fragments) get(k postKey) (template.HTML, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if h, ok := f.young[k]; ok {
		return h, true
	}
	h, ok := f.old[k]
	if ok {
		f.add(k, h)
	}
	return h, ok
}

func (f *fragments) put(k postKey, h template.HTML) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.add(k, h)
}

func (f *fragments) add(k postKey, h template.HTML) {
	if f.young == nil || len(f.young) >= maxFragments {
		f.old, f.young = f.young, map[postKey]template.HTML{}
	}
	f.young[k] = h
}

// post draws a post of a list, or finds it drawn.
func (r *Renderer) post(p Post) (template.HTML, error) {
	k, keep := p.key()
	if keep {
		if h, ok := r.fragments.get(k); ok {
			return h, nil
		}
	}
	var b bytes.Buffer
	if err := r.pages[fragmentPage].ExecuteTemplate(&b, "post", &p); err != nil {
		return "", err
	}
	h := template.HTML(b.String()) //nolint:gosec // a template made it
	if keep {
		r.fragments.put(k, h)
	}
	return h, nil
}

// fragmentPage is the set of templates that draws single posts: any that has them all.
const fragmentPage = "profile"
