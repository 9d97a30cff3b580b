package entity

import (
	"strings"

	"github.com/gomph/gomph/internal/kit/text"
)

// TermsOfService is an edition of the terms of service.
type TermsOfService struct {
	EffectiveDate string `json:"effective_date"`
	Effective     bool   `json:"effective"`
	Content       string `json:"content"`
	// SucceededBy is the day from which the next edition holds.
	SucceededBy *string `json:"succeeded_by"`
}

// LongText is an admin's text as HTML: cleaned, or plain text made into paragraphs.
func LongText(src string) string {
	if strings.Contains(src, "<") {
		return text.Sanitize(src)
	}
	return text.Format(src, text.FormatOptions{})
}
