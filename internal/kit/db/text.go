package db

import "strings"

// Beyond, added to a text, is above every text that begins with it, where texts are ordered by their bytes.
const Beyond = "\U0010FFFF"

var likeEscapes = strings.NewReplacer("!", "!!", "%", "!%", "_", "!_")

// Like makes a text stand for itself in a LIKE pattern with ESCAPE '!'.
func Like(s string) string { return likeEscapes.Replace(s) }
