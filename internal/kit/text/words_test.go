package text_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/kit/text"
)

// TestWords: what is written and what is typed to find it become the same words.
func TestWords(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Running cats, don't RUN":       "run cat don t run",
		"Crème brûlée İstanbul":         "creme brule istanbul",
		"ＦＵＬＬ ｗｉｄｔｈ ① x²":               "full width 1 x2",
		"黒猫 iPhone用":                    "黒猫 猫 iphon 用",
		"スーパー":                          "スー ーパ パー ー",
		"สวัสดี":                        "สว วั ัส สด ดี ี",
		"नमस्ते दुनिया":                 "नमस्ते दुनिया",
		"🎉 party❤️":                     "🎉 parti ❤",
		"a_b https://x.example/p?q=1#f": "a b https x exampl p q 1 f",
		"\x00\xff <>&|!:*'\"\\ \uE000f": "f",
		strings.Repeat("a", 200) + "é":  strings.Repeat("a", 96),
	} {
		if got := strings.Join(text.Words(in, 100), " "); got != want {
			t.Errorf("%q is %q, not %q", in, got, want)
		}
	}
	if n := len(text.Words(strings.Repeat("word 猫犬 ", 1000), 50)); n != 50 {
		t.Errorf("%d words of 50 at most", n)
	}
	for in, want := range map[string]string{"猫": "猫*", "黒猫": "黒猫", "黒い猫": "黒い い猫", "黒猫 cat": "黒猫 猫 cat", "cats": "cat", "?": ""} {
		words, prefix := text.Phrase(in, 100)
		if got := strings.Join(words, " ") + strings.Repeat("*", map[bool]int{true: 1}[prefix]); got != want {
			t.Errorf("the phrase %q is %q, not %q", in, got, want)
		}
	}
}

// FuzzWords: no word is longer than the database takes, or has a character that means something to it (INB-11).
func FuzzWords(f *testing.F) {
	f.Add("Running 黒猫 🎉 o'clock")
	f.Fuzz(func(t *testing.T, s string) {
		words := text.Words(s, 200)
		phrase, _ := text.Phrase(s, 200)
		for _, w := range slices.Concat(words, phrase) {
			if w == "" || len(w) > 96 || strings.ContainsAny(w, " \t\n\r'\"\\:&|!*()<>\x00\uE000") {
				t.Errorf("%q has the word %q", s, w)
			}
		}
	})
}
