package text

import (
	"strings"
	"unicode"
)

const (
	// maxUsername is the longest user name that can be chosen here.
	maxUsername = 30
	// maxRemoteUsername is the longest user name of another server, as on Mastodon.
	maxRemoteUsername = 2048
	// maxName is the longest display name or content warning, in bytes, that is read; callers have shorter limits of their own.
	maxName = 8 << 10
	// maxMarks is how many combining marks a character keeps. Living scripts need four; more is a tower over other lines.
	maxMarks = 8
)

// ValidUsername reports whether s may be the name of a new account here: 1 to 30 of [A-Za-z0-9_].
func ValidUsername(s string) bool {
	if s == "" || len(s) > maxUsername {
		return false
	}
	for i := 0; i < len(s); i++ {
		if !isName(s[i]) {
			return false
		}
	}
	return true
}

// ValidRemoteUsername reports whether s may be the name of an account elsewhere: as here, longer, and with dots and
// hyphens inside.
func ValidRemoteUsername(s string) bool {
	return s != "" && len(s) <= maxRemoteUsername && scanUsername(s, 0) == len(s)
}

// FoldUsername gives the one form of a user name by which it is looked up.
func FoldUsername(s string) string { return strings.ToLower(s) }

// ReservedUsername reports whether s could pass for the server's staff: one of Mastodon's list, or with the name of the
// software in it, digits read as the letters they resemble.
func ReservedUsername(s string) bool {
	s = strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return r
		}
		return rune("oizeas6tbg"[r-'0'])
	}, strings.ToLower(s))
	switch s {
	case "abuse", "account", "accounts", "admin", "administration", "administrator", "admins", "help", "helpdesk",
		"instance", "mod", "moderator", "moderators", "mods", "owner", "root", "security", "server", "staff", "support",
		"webmaster":
		return true
	}
	return strings.Contains(s, "mastodon") || strings.Contains(s, "mastadon")
}

// SanitizeName makes a display name, title or content warning fit one line: no control characters, no white space but single
// spaces, no marks that turn the direction of what follows, no towers of combining marks. Markup stays: it is shown as text.
// A name with nothing to see becomes "".
func SanitizeName(s string) string {
	s = strings.ToValidUTF8(cut(s, maxName), "\uFFFD")
	var b strings.Builder
	b.Grow(len(s))
	var (
		space, visible  bool
		isolates, marks int
	)
	for _, r := range s {
		if unicode.IsSpace(r) {
			space = b.Len() > 0
			continue
		}
		switch {
		case unicode.IsControl(r), 0x202A <= r && r <= 0x202E, r == 0xFEFF, r == 0xFFFE, r == 0xFFFF:
			continue
		case 0x2066 <= r && r <= 0x2068:
			isolates++
		case r == 0x2069:
			if isolates == 0 {
				continue
			}
			isolates--
		}
		if unicode.In(r, unicode.Mn, unicode.Me) {
			if marks++; marks > maxMarks {
				continue
			}
		} else {
			marks = 0
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		visible = visible || isVisible(r)
		b.WriteRune(r)
	}
	if !visible {
		return ""
	}
	b.WriteString(strings.Repeat("\u2069", isolates))
	return b.String()
}

// isVisible reports whether a character puts ink on the page by itself.
func isVisible(r rune) bool {
	switch r {
	case 0x115F, 0x1160, 0x2800, 0x3164, 0xFFA0: // fillers and blanks that count as letters or symbols
		return false
	}
	return !unicode.In(r, unicode.C, unicode.M)
}
