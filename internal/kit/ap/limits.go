package ap

import (
	"strings"
	"unicode/utf8"
)

// The limits on a document as a whole. Mastodon takes 1 MiB; real documents nest less than 10 deep and have a few hundred nodes, collections a few thousand.
const (
	MaxDocument = 1 << 20
	maxDepth    = 32
	maxNodes    = 50_000
	maxNumber   = 32
)

// The limits on lists. What is beyond is not read; the numbers are Mastodon's hard caps or, where it has none, ten times what real documents hold.
const (
	maxTypes       = 8
	maxList        = 1000
	maxRecipients  = 300
	maxTags        = 200
	maxAttachments = 16
	maxFields      = 20
	maxAliases     = 100
	maxDomains     = 100
	maxKeys        = 4
	maxOptions     = 100
	maxReplies     = 50
	maxLanguages   = 100
)

// The limits on strings, in bytes.
const (
	maxName        = 2 << 10
	maxUsername    = 2 << 10
	maxBio         = 20 << 10
	maxFieldText   = 2 << 10
	maxContent     = 100 << 10
	maxSummary     = 4 << 10
	maxDescription = 10 << 10
	maxImageAlt    = 2 << 10
	maxOption      = 1 << 10
	maxTagName     = 512
	maxPEM         = 16 << 10
	maxShort       = 128
	maxOpaqueID    = 1 << 10
	maxLanguage    = 35
)

// maxCount bounds totals that other servers claim.
const maxCount = 1 << 40

// maxPixels bounds the sides of a picture.
const maxPixels = 1 << 16

// cut shortens s to at most n bytes without breaking a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// line is cut for what is shown on one line.
func line(s string, n int) string { return strings.TrimSpace(cut(s, n)) }
