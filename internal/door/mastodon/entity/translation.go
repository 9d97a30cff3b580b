package entity

// Translation is a post in another language.
type Translation struct {
	Content     string            `json:"content"`
	SpoilerText string            `json:"spoiler_text"`
	Language    string            `json:"language"`
	Poll        *TranslatedPoll   `json:"poll,omitempty"`
	Media       []TranslatedMedia `json:"media_attachments"`
	From        string            `json:"detected_source_language"`
	Provider    string            `json:"provider"`
}

// TranslatedPoll is the choices of a poll.
type TranslatedPoll struct {
	ID      string         `json:"id"`
	Options []EditedOption `json:"options"`
}

// TranslatedMedia is the description of an attachment.
type TranslatedMedia struct {
	ID          string `json:"id"`
	Description string `json:"description"`
}
