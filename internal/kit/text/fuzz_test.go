package text

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// FuzzSanitize: what comes out is on the list, and nothing that an oracle would take away (HTM-01).
func FuzzSanitize(f *testing.F) {
	for _, s := range attacks() {
		f.Add(s)
	}
	f.Add(Format(samplePost, options()))
	f.Fuzz(func(t *testing.T, in string) { checkClean(t, Sanitize(in)) })
}

func FuzzFormat(f *testing.F) {
	f.Add(samplePost)
	f.Add("<b>@alice</b> #x\n\n\r\nhttp://a.com/(b)?c=\"d'&@bob@remote.test:99")
	f.Add("\nxmpp:a@b.org/c?d magnet:?x ＃ａ @user@127.0.0.1:3000")
	f.Fuzz(func(t *testing.T, in string) {
		out := Format(in, options())
		if !utf8.ValidString(out) {
			t.Errorf("not UTF-8: %q", out)
		}
		if len(out) > MaxHTML/2 {
			return
		}
		clean := Sanitize(out)
		checkClean(t, clean)
		if a, b := Plain(out), Plain(clean); a != b {
			t.Errorf("cleaning changes what is read:\n%q\n%q", a, b)
		}
		if a, b := strings.Count(out, "<a "), strings.Count(clean, "<a "); a != b {
			t.Errorf("cleaning drops links:\n%q\n%q", out, clean)
		}
		if n := Count(in, ""); n < 0 || n > len(in)+23*strings.Count(in, "://") {
			t.Errorf("%d characters", n)
		}
		last := 0
		for _, m := range Mentions(in) {
			if m.Start < last || m.End > len(in) || in[m.Start] != '@' {
				t.Errorf("%+v of %q", m, in)
			}
			last = m.End
		}
		for _, tag := range Hashtags(in) {
			if !ValidTag(tag) {
				t.Errorf("found %q, which is not valid", tag)
			}
		}
	})
}

// TestHostileText runs what makes careless scanners take minutes (FET-08).
func TestHostileText(t *testing.T) {
	t.Parallel()
	for _, unit := range hostileUnits() {
		in := strings.Repeat(unit, (1<<20)/len(unit))
		if out := Format(in, options()); strings.Count(out, "a") < strings.Count(in, "a") {
			t.Errorf("%q: text is lost", unit)
		}
		Count(in, in)
		Hashtags(in)
		Shortcodes(in)
	}
}

func hostileUnits() []string {
	return []string{"@a.a", "@a@", "@", "#", "a-a-", "#a ", "http://", "http://a.", "http://日.", "://a.b/(", "http://a.com/((", "http://a.com/!?", ":a:", "::", "xmpp:a",
		"xmpp://a@b.", "magnet:?", "x.com/", "\n", "\n\n", "日本.", "&", "#・", "@a@b-.", "a_", "a.", "xmpp:"}
}

func BenchmarkHostile(b *testing.B) {
	for _, unit := range hostileUnits() {
		in := strings.Repeat(unit, (1<<20)/len(unit))
		b.Run(strings.ReplaceAll(unit, "/", "%"), func(b *testing.B) {
			for b.Loop() {
				entities(in)
			}
		})
	}
}

// TestSanitizeNesting cleans random tags in random order: the output must be what a browser reads, however wild the input.
func TestSanitizeNesting(t *testing.T) {
	t.Parallel()
	piece := rapid.SampledFrom(nestingPieces())
	rapid.Check(t, func(r *rapid.T) {
		in := strings.Join(rapid.SliceOfN(piece, 1, 40).Draw(r, "pieces"), "")
		out := Sanitize(in)
		checkClean(t, out)
		if t.Failed() {
			r.Fatalf("%s", in)
		}
	})
}

func nestingPieces() []string {
	pieces := []string{"x", "\n", " ", "&nbsp;", "<br>", "<hr>", "<!-- -->", "</br>", "\u00a0y",
		`<a href="https://a.org">`, `<a href="javascript:x">`, `<a href="https://a.org" class="mention">`, `<span class="invisible">`, "https://", "a.org"}
	for _, name := range []string{"p", "span", "a", "del", "s", "pre", "blockquote", "code", "b", "strong", "u", "i", "em", "ul", "ol", "li",
		"ruby", "rt", "rp", "h1", "h6", "div", "section", "table", "tr", "td", "math", "semantics", "annotation", "svg", "style", "title",
		"button", "object", "template", "select", "option", "dd", "form", "nobr", "font", "x-y"} {
		pieces = append(pieces, "<"+name+">", "</"+name+">")
	}
	return pieces
}
