package entity

// Instance is what this server is, in the second version.
type Instance struct {
	Domain        string         `json:"domain"`
	Title         string         `json:"title"`
	Version       string         `json:"version"`
	SourceURL     string         `json:"source_url"`
	Description   string         `json:"description"`
	Usage         Usage          `json:"usage"`
	Thumbnail     Thumbnail      `json:"thumbnail"`
	Icon          []Icon         `json:"icon"`
	Languages     []string       `json:"languages"`
	Configuration Configuration  `json:"configuration"`
	Registrations Registrations  `json:"registrations"`
	APIVersions   map[string]int `json:"api_versions"`
	Wrapstodon    *int           `json:"wrapstodon"`
	Contact       Contact        `json:"contact"`
	Rules         []Rule         `json:"rules"`
}

// Usage is how many people use this server.
type Usage struct {
	Users struct {
		ActiveMonth int64 `json:"active_month"`
	} `json:"users"`
}

// Thumbnail is the picture that stands for the server.
type Thumbnail struct {
	URL         string `json:"url"`
	Description string `json:"description"`
	// Blurhash and Versions are there for a picture that was uploaded; versions by "@1x" and "@2x".
	Blurhash string            `json:"blurhash,omitempty"`
	Versions map[string]string `json:"versions,omitempty"`
}

// Icon is the server's icon in one size.
type Icon struct {
	Src  string `json:"src"`
	Size string `json:"size"`
}

// Contact is whom to write to.
type Contact struct {
	Email   string   `json:"email"`
	Account *Account `json:"account"`
}

// Rule is what people here agree to.
type Rule struct {
	ID           string                     `json:"id"`
	Text         string                     `json:"text"`
	Hint         string                     `json:"hint"`
	Translations map[string]RuleTranslation `json:"translations"`
}

// RuleTranslation is a rule in another language.
type RuleTranslation struct {
	Text string `json:"text"`
	Hint string `json:"hint"`
}

// Registrations says whether and how one can sign up.
type Registrations struct {
	Enabled          bool    `json:"enabled"`
	ApprovalRequired bool    `json:"approval_required"`
	ReasonRequired   *bool   `json:"reason_required"`
	Message          *string `json:"message"`
	MinAge           *int    `json:"min_age"`
	URL              *string `json:"url"`
}

// Configuration is what clients must know to work with this server.
type Configuration struct {
	URLs struct {
		Streaming      string  `json:"streaming"`
		Status         *string `json:"status"`
		About          string  `json:"about"`
		PrivacyPolicy  *string `json:"privacy_policy"`
		TermsOfService *string `json:"terms_of_service"`
	} `json:"urls"`
	Vapid struct {
		PublicKey string `json:"public_key"`
	} `json:"vapid"`
	Accounts         AccountLimits `json:"accounts"`
	Statuses         StatusLimits  `json:"statuses"`
	MediaAttachments MediaLimits   `json:"media_attachments"`
	Polls            PollLimits    `json:"polls"`
	Translation      struct {
		Enabled bool `json:"enabled"`
	} `json:"translation"`
	TimelinesAccess   TimelinesAccess `json:"timelines_access"`
	LimitedFederation bool            `json:"limited_federation"`
}

// AccountLimits bound profiles.
type AccountLimits struct {
	MaxDisplayNameLength       int `json:"max_display_name_length"`
	MaxNoteLength              int `json:"max_note_length"`
	MaxAvatarDescriptionLength int `json:"max_avatar_description_length"`
	MaxHeaderDescriptionLength int `json:"max_header_description_length"`
	MaxFeaturedTags            int `json:"max_featured_tags"`
	MaxPinnedStatuses          int `json:"max_pinned_statuses"`
	MaxProfileFields           int `json:"max_profile_fields"`
	ProfileFieldNameLimit      int `json:"profile_field_name_limit"`
	ProfileFieldValueLimit     int `json:"profile_field_value_limit"`
}

// StatusLimits bound posts.
type StatusLimits struct {
	MaxCharacters            int `json:"max_characters"`
	MaxMediaAttachments      int `json:"max_media_attachments"`
	CharactersReservedPerURL int `json:"characters_reserved_per_url"`
}

// MediaLimits bound attachments.
type MediaLimits struct {
	SupportedMimeTypes  []string `json:"supported_mime_types"`
	DescriptionLimit    int      `json:"description_limit,omitempty"`
	ImageSizeLimit      int      `json:"image_size_limit"`
	ImageMatrixLimit    int      `json:"image_matrix_limit"`
	VideoSizeLimit      int      `json:"video_size_limit"`
	VideoFrameRateLimit int      `json:"video_frame_rate_limit"`
	VideoMatrixLimit    int      `json:"video_matrix_limit"`
}

// PollLimits bound polls.
type PollLimits struct {
	MaxOptions             int `json:"max_options"`
	MaxCharactersPerOption int `json:"max_characters_per_option"`
	MinExpiration          int `json:"min_expiration"`
	MaxExpiration          int `json:"max_expiration"`
}

// TimelinesAccess says who may read which public timelines.
type TimelinesAccess struct {
	LiveFeeds         FeedAccess `json:"live_feeds"`
	HashtagFeeds      FeedAccess `json:"hashtag_feeds"`
	TrendingLinkFeeds FeedAccess `json:"trending_link_feeds"`
}

// FeedAccess says who may read a timeline of local and of remote posts.
type FeedAccess struct {
	Local  string `json:"local"`
	Remote string `json:"remote"`
}

// V1Instance is what this server is, in the first version.
type V1Instance struct {
	URI              string `json:"uri"`
	Title            string `json:"title"`
	ShortDescription string `json:"short_description"`
	Description      string `json:"description"`
	Email            string `json:"email"`
	Version          string `json:"version"`
	URLs             struct {
		StreamingAPI string `json:"streaming_api"`
	} `json:"urls"`
	Stats struct {
		UserCount   int64 `json:"user_count"`
		StatusCount int64 `json:"status_count"`
		DomainCount int64 `json:"domain_count"`
	} `json:"stats"`
	Thumbnail        *string         `json:"thumbnail"`
	Languages        []string        `json:"languages"`
	Registrations    bool            `json:"registrations"`
	ApprovalRequired bool            `json:"approval_required"`
	InvitesEnabled   bool            `json:"invites_enabled"`
	Configuration    V1Configuration `json:"configuration"`
	ContactAccount   *Account        `json:"contact_account"`
	Rules            []Rule          `json:"rules"`
}

// V1Configuration is Configuration as the first version has it.
type V1Configuration struct {
	Accounts struct {
		MaxFeaturedTags int `json:"max_featured_tags"`
	} `json:"accounts"`
	Statuses         StatusLimits `json:"statuses"`
	MediaAttachments MediaLimits  `json:"media_attachments"`
	Polls            PollLimits   `json:"polls"`
}

// ExtendedDescription is the about page.
type ExtendedDescription struct {
	UpdatedAt *string `json:"updated_at"`
	Content   string  `json:"content"`
}

// PrivacyPolicy is the privacy policy.
type PrivacyPolicy struct {
	UpdatedAt string `json:"updated_at"`
	Content   string `json:"content"`
}

// DomainBlock is a server that this one limits or does not talk with.
type DomainBlock struct {
	Domain   string  `json:"domain"`
	Digest   string  `json:"digest"`
	Severity string  `json:"severity"`
	Comment  *string `json:"comment,omitempty"`
}

// Language is a language by its code.
type Language struct {
	Code string `json:"code"`
	Name string `json:"name"`
}
