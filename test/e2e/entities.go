package e2e

// M is an object of JSON.
type M = map[string]any

// Status is a post, as far as the scenarios look at it.
type Status struct {
	ID                 string         `json:"id"`
	URI                string         `json:"uri"`
	URL                string         `json:"url"`
	CreatedAt          string         `json:"created_at"`
	EditedAt           string         `json:"edited_at"`
	Content            string         `json:"content"`
	Text               *string        `json:"text"`
	SpoilerText        string         `json:"spoiler_text"`
	Sensitive          bool           `json:"sensitive"`
	Visibility         string         `json:"visibility"`
	Language           string         `json:"language"`
	InReplyToID        string         `json:"in_reply_to_id"`
	InReplyToAccountID string         `json:"in_reply_to_account_id"`
	RepliesCount       int            `json:"replies_count"`
	ReblogsCount       int            `json:"reblogs_count"`
	FavouritesCount    int            `json:"favourites_count"`
	Favourited         bool           `json:"favourited"`
	Reblogged          bool           `json:"reblogged"`
	Bookmarked         bool           `json:"bookmarked"`
	Muted              bool           `json:"muted"`
	Pinned             bool           `json:"pinned"`
	Account            Profile        `json:"account"`
	Reblog             *Status        `json:"reblog"`
	Poll               *Poll          `json:"poll"`
	Mentions           []Profile      `json:"mentions"`
	Tags               []Tag          `json:"tags"`
	Filtered           []FilterResult `json:"filtered"`
	QuotesCount        int            `json:"quotes_count"`
	Quote              *Quote         `json:"quote"`
}

// Quote is what a post quotes.
type Quote struct {
	State        string  `json:"state"`
	QuotedStatus *Status `json:"quoted_status"`
}

// Profile is an account as the API shows it.
type Profile struct {
	ID             string  `json:"id"`
	Username       string  `json:"username"`
	Acct           string  `json:"acct"`
	URL            string  `json:"url"`
	URI            string  `json:"uri"`
	DisplayName    string  `json:"display_name"`
	Note           string  `json:"note"`
	Locked         bool    `json:"locked"`
	Fields         []Field `json:"fields"`
	StatusesCount  int     `json:"statuses_count"`
	FollowersCount int     `json:"followers_count"`
	FollowingCount int     `json:"following_count"`
}

// Field is a line in the table of a profile.
type Field struct{ Name, Value string }

// Tag is a hashtag.
type Tag struct{ Name, URL string }

// Poll is a poll.
type Poll struct {
	ID          string `json:"id"`
	Expired     bool   `json:"expired"`
	Multiple    bool   `json:"multiple"`
	VotesCount  int    `json:"votes_count"`
	VotersCount int    `json:"voters_count"`
	Voted       bool   `json:"voted"`
	OwnVotes    []int  `json:"own_votes"`
	Options     []struct {
		Title      string `json:"title"`
		VotesCount int    `json:"votes_count"`
	} `json:"options"`
}

// FilterResult is a filter that a post matches.
type FilterResult struct {
	Filter         Filter   `json:"filter"`
	KeywordMatches []string `json:"keyword_matches"`
	StatusMatches  []string `json:"status_matches"`
}

// Filter is a filter of version 2.
type Filter struct {
	ID           string   `json:"id"`
	Title        string   `json:"title"`
	Context      []string `json:"context"`
	FilterAction string   `json:"filter_action"`
	Keywords     []struct {
		ID      string `json:"id"`
		Keyword string `json:"keyword"`
	} `json:"keywords"`
}

// Notification tells a person of something.
type Notification struct {
	ID      string  `json:"id"`
	Type    string  `json:"type"`
	Account Profile `json:"account"`
	Status  *Status `json:"status"`
}

// Relationship is what stands between the reader and another account.
type Relationship struct {
	ID                  string `json:"id"`
	Following           bool   `json:"following"`
	ShowingReblogs      bool   `json:"showing_reblogs"`
	Notifying           bool   `json:"notifying"`
	FollowedBy          bool   `json:"followed_by"`
	Blocking            bool   `json:"blocking"`
	BlockedBy           bool   `json:"blocked_by"`
	Muting              bool   `json:"muting"`
	MutingNotifications bool   `json:"muting_notifications"`
	Requested           bool   `json:"requested"`
	RequestedBy         bool   `json:"requested_by"`
	DomainBlocking      bool   `json:"domain_blocking"`
	Note                string `json:"note"`
}

// Context is the thread around a post.
type Context struct{ Ancestors, Descendants []Status }

// List is a list of people.
type List struct {
	ID            string `json:"id"`
	Title         string `json:"title"`
	RepliesPolicy string `json:"replies_policy"`
	Exclusive     bool   `json:"exclusive"`
}

// Found is the answer of a search.
type Found struct {
	Accounts []Profile
	Statuses []Status
	Hashtags []Tag
}

// Token is an access token with what came along.
type Token struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	Scope       string `json:"scope"`
	CreatedAt   int64  `json:"created_at"`
}

// IDs returns the ids of posts, in order.
func IDs(statuses []Status) []string {
	ids := make([]string, len(statuses))
	for i, status := range statuses {
		ids[i] = status.ID
	}
	return ids
}
