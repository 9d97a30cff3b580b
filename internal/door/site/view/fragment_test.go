package view

import (
	"html/template"
	"reflect"
	"testing"
	"time"
)

// A post of which anything changed is drawn anew: what a page shows is what a renderer shows that knows nothing yet.
func TestDrawnPostsAreUsedOnlyForTheSame(t *testing.T) {
	t.Parallel()
	kept, fresh := newRenderer(t, builtDist()), newRenderer(t, builtDist())
	posts := allPosts()
	plain := posts[0]
	plain.Poll, plain.Card, plain.Tags = nil, nil, nil
	posts = append(posts, plain)
	for _, p := range posts {
		for _, other := range append(changed(p), p) {
			for range 2 {
				got, err := kept.post(other)
				if err != nil {
					t.Fatal(err)
				}
				fresh.fragments.young, fresh.fragments.old = nil, nil
				want, err := fresh.post(other)
				if err != nil || got != want {
					t.Fatalf("a kept post differs, %v:\n%s\n%s", err, got, want)
				}
			}
		}
	}
	if _, ok := plain.key(); !ok {
		t.Error("a plain post is not kept")
	}
}

// changed gives a post with each of its fields, and each of its author's, changed.
func changed(p Post) []Post {
	var out []Post
	for i := range reflect.TypeFor[Post]().NumField() {
		other := p
		if change(reflect.ValueOf(&other).Elem().Field(i)) {
			out = append(out, other)
		}
	}
	for i := range reflect.TypeFor[Account]().NumField() {
		other, booster := p, p.Account
		if change(reflect.ValueOf(&other.Account).Elem().Field(i)) && change(reflect.ValueOf(&booster).Elem().Field(i)) {
			out = append(out, other)
			other.BoostedBy = &booster
			out = append(out, other)
		}
	}
	for i := range reflect.TypeFor[Media]().NumField() {
		other := p
		other.Media = []Media{{Kind: MediaImage, URL: "https://files.example/1.png"}}
		out = append(out, other)
		other.Media = []Media{other.Media[0]}
		change(reflect.ValueOf(&other.Media[0]).Elem().Field(i))
		out = append(out, other)
	}
	return out
}

func change(v reflect.Value) bool {
	switch old := v.Interface().(type) {
	case string:
		v.SetString(old + "x")
	case template.HTML:
		v.SetString(string(old) + "<b>x</b>")
	case MediaKind:
		v.SetString(string(MediaVideo))
	case bool:
		v.SetBool(!old)
	case int64, int:
		v.SetInt(v.Int() + 1)
	case time.Time:
		v.Set(reflect.ValueOf(old.Add(49 * time.Hour)))
	case *ReplyTo:
		v.Set(reflect.ValueOf(&ReplyTo{Acct: "someone@far.example", URL: "https://far.example/@someone"}))
	default:
		return false
	}
	return true
}
