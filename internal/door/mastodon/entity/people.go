package entity

// Suggestion is somebody whom the viewer may want to follow, and why.
type Suggestion struct {
	Source  string   `json:"source"`
	Sources []string `json:"sources"`
	Account *Account `json:"account"`
}

// DomainBlockPreview is what blocking a domain would end.
type DomainBlockPreview struct {
	Following int64 `json:"following_count"`
	Followers int64 `json:"followers_count"`
}
