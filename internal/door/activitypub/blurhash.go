package activitypub

import "strings"

const (
	// blurDigits are the digits of a blurhash, in base 83.
	blurDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
	// blurParts is how many parts a blurhash may have across and down. The format knows nine; Mastodon takes five, as clients take time for each.
	blurParts = 5
)

// blurhash reports whether a client can draw a text as a blurhash: its first digit says how many parts it has, and so how long it must be. One that
// is not drawn made clients fail (MED-13).
func blurhash(s string) bool {
	if len(s) < 6 {
		return false
	}
	for i := range len(s) {
		if strings.IndexByte(blurDigits, s[i]) < 0 {
			return false
		}
	}
	size := strings.IndexByte(blurDigits, s[0])
	across, down := size%9+1, size/9+1
	return across <= blurParts && down <= blurParts && len(s) == 4+2*across*down
}
