package activitypub_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/domain/statuses"
)

// The rows of the attack table about what is said of files elsewhere: MED-13.
func TestMediaAttacks(t *testing.T) {
	t.Parallel()
	play(t, map[string]func(*scene){"MED-13": (*scene).med13, "MED-13, what is right": (*scene).med13Right})
}

// attached is what is known of a picture in a post that says this of it.
func (s *scene) attached(more doc) media.Attachment {
	s.t.Helper()
	n := s.bob.note("x").with(doc{"attachment": []doc{doc{"type": "Image", "mediaType": "image/png", "url": s.good.url("/a.png"), "name": "a picture"}.with(more)}})
	s.taken(s.bob.send(s.us, s.bob.activity("Create", n)))
	st := s.us.byURI(n["id"].(string))
	parts, err := s.us.statuses.Load(ctx(), s.us.db, s.alice.ID, []statuses.ID{st.ID})
	s.us.must(err)
	if len(parts.Media[st.ID]) != 1 {
		s.t.Fatalf("%v: %d pictures", more, len(parts.Media[st.ID]))
	}
	return parts.Media[st.ID][0]
}

const goodHash = "LEHV6nWB2yk8pyo0adR*.7kCMdnj"

func (s *scene) med13() {
	for _, hash := range []any{
		goodHash[:27], goodHash + "0", goodHash[:6], "0", "", "00000\x00", goodHash[:27] + "\x00", goodHash[:27] + " ", strings.Repeat("L", 1<<19), "~" + strings.Repeat("0", 165), "<script>alert(1)</script>000",
		"5" + goodHash[1:], "é" + goodHash[2:], 12, true, doc{"a": goodHash}, nil,
	} {
		if got := s.attached(doc{"blurhash": hash}).Blurhash; got != "" {
			s.t.Errorf("%.60v is taken for a blurhash: %q", hash, got)
		}
	}
	number := func(text string) json.RawMessage { return json.RawMessage(text) }
	for _, point := range []any{
		[]any{number("1e308"), number("-1e308")}, []any{number("9223372036854775807"), number("-9223372036854775808")}, []any{number("123456789012345678901234567890"), 0}, []any{"NaN", "Infinity"}, []any{"0.5", "0.5"},
		[]any{nil, nil}, []any{doc{}, []any{}}, []any{1}, []any{1, 1, 1}, "0.5,0.5", doc{"x": 1}, 7, true, []any{number("5e-324"), number("-0.0")},
	} {
		if f := s.attached(doc{"focalPoint": point}).Meta.Focus; f != nil && !(f.X >= -1 && f.X <= 1 && f.Y >= -1 && f.Y <= 1) { // NaN is neither
			s.t.Errorf("the point %v is %v", point, *f)
		}
	}
	for _, size := range [][2]any{
		{-1, -1}, {-100, 100}, {0, 0}, {number("1000000000000"), number("1000000000000")}, {number("1e308"), 5}, {number("-9223372036854775808"), 5}, {"100", "100"}, {number("0.5"), number("0.5")}, {doc{}, []any{}}, {nil, 1}, {1 << 20, 1},
	} {
		if got := s.attached(doc{"width": size[0], "height": size[1]}).Meta.Original; got != nil && (got.Width < 1 || got.Height < 1 || got.Width > 1<<16 || got.Height > 1<<16) {
			s.t.Errorf("the size %v is %+v", size, *got)
		}
	}
}

func (s *scene) med13Right() {
	got := s.attached(doc{"blurhash": goodHash, "focalPoint": []any{-0.25, 1}, "width": 640, "height": 480})
	if got.Blurhash != goodHash || got.Meta.Focus == nil || *got.Meta.Focus != (media.Point{X: -0.25, Y: 1}) || got.Meta.Original == nil || got.Meta.Original.Width != 640 || got.Meta.Original.Height != 480 {
		s.t.Errorf("%q %v %+v", got.Blurhash, got.Meta.Focus, got.Meta.Original)
	}
}
