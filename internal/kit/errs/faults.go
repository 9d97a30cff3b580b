package errs

import (
	"strconv"
	"strings"
)

// Faults collects everything that is wrong with some input, by attribute.
type Faults struct {
	details map[string][]Detail
	words   []string
}

// Add notes a fault. The label is the attribute's name in a sentence; code is one of Mastodon's ERR_* names.
func (f *Faults) Add(attribute, code, label, description string) {
	if f.details == nil {
		f.details = map[string][]Detail{}
	}
	f.details[attribute] = append(f.details[attribute], Detail{Code: code, Description: description})
	f.words = append(f.words, strings.TrimSpace(label+" "+description))
}

// TooLong notes a text of more characters than may be.
func (f *Faults) TooLong(attribute, label string, most int) {
	f.Add(attribute, "ERR_TOO_LONG", label, "is too long (maximum is "+strconv.Itoa(most)+" characters)")
}

// Err is the refusal of what was noted, nil where nothing was.
func (f *Faults) Err() error {
	if len(f.words) == 0 {
		return nil
	}
	e := Invalid("Validation failed: %s", strings.Join(f.words, ", "))
	e.Details = f.details
	return e
}
