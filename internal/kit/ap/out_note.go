package ap

// NoteDoc is a post of ours; with OneOf or AnyOf a Question.
type NoteDoc struct {
	ID               string            `json:"id"`
	Type             string            `json:"type"`
	Summary          Text              `json:"summary"`
	InReplyTo        Text              `json:"inReplyTo"`
	Published        string            `json:"published"`
	URL              string            `json:"url"`
	AttributedTo     string            `json:"attributedTo"`
	To               []string          `json:"to"`
	Cc               []string          `json:"cc"`
	Sensitive        bool              `json:"sensitive"`
	AtomURI          Text              `json:"atomUri"`
	InReplyToAtomURI Text              `json:"inReplyToAtomUri"`
	Conversation     Text              `json:"conversation"`
	Context          string            `json:"context,omitzero"`
	Content          string            `json:"content"`
	ContentMap       map[string]string `json:"contentMap,omitzero"`
	Updated          string            `json:"updated,omitzero"`
	EndTime          string            `json:"endTime,omitzero"`
	Closed           string            `json:"closed,omitzero"`
	VotersCount      *int64            `json:"votersCount,omitzero"`
	Quote            any               `json:"quote,omitempty"` // an id, or a TombstoneDoc
	MisskeyQuote     string            `json:"_misskey_quote,omitzero"`
	QuoteURI         string            `json:"quoteUri,omitzero"`
	QuoteAuth        string            `json:"quoteAuthorization,omitzero"`
	Interaction      *InteractionDoc   `json:"interactionPolicy,omitzero"`
	Attachment       []MediaDoc        `json:"attachment"`
	Tag              []TagDoc          `json:"tag"`
	Replies          *CollectionDoc    `json:"replies,omitzero"`
	Likes            *CollectionDoc    `json:"likes,omitzero"`
	Shares           *CollectionDoc    `json:"shares,omitzero"`
	OneOf            []OptionDoc       `json:"oneOf,omitempty"`
	AnyOf            []OptionDoc       `json:"anyOf,omitempty"`
}

func (n *NoteDoc) features() []Feature {
	list := []Feature{FeatureAtomURI, FeatureConversation, FeatureSensitive, FeatureVotersCount}
	if n.Quote != nil || n.QuoteAuth != "" {
		list = append(list, FeatureQuotes)
	}
	if n.Interaction != nil {
		list = append(list, FeatureInteractionPolicy)
	}
	if len(n.Attachment) > 0 {
		list = append(list, FeatureBlurhash, FeatureFocalPoint)
	}
	return append(list, tagFeatures(n.Tag)...)
}

// SetQuote quotes a post under every name that others read; authorization may be empty.
func (n *NoteDoc) SetQuote(uri, authorization string) {
	n.Quote, n.MisskeyQuote, n.QuoteURI, n.QuoteAuth = uri, uri, uri, authorization
}

// SetGoneQuote says that there was a quote of a post which its author deleted.
func (n *NoteDoc) SetGoneQuote(uri string) { n.Quote = &TombstoneDoc{ID: uri, Type: "Tombstone"} }

// InteractionDoc says who may do what: quote a post, or put an account into a collection.
type InteractionDoc struct {
	CanQuote   *ApprovalDoc `json:"canQuote,omitzero"`
	CanFeature *ApprovalDoc `json:"canFeature,omitzero"`
}

// ApprovalDoc lists actors and collections.
type ApprovalDoc struct {
	Automatic []string `json:"automaticApproval"`
	Manual    []string `json:"manualApproval,omitempty"`
}

// MediaDoc is an attachment; Type is Document as Mastodon sends every kind.
type MediaDoc struct {
	Type       string      `json:"type"`
	MediaType  string      `json:"mediaType"`
	URL        string      `json:"url"`
	Name       Text        `json:"name"`
	Blurhash   Text        `json:"blurhash"`
	FocalPoint *[2]float64 `json:"focalPoint,omitzero"`
	Width      int         `json:"width,omitzero"`
	Height     int         `json:"height,omitzero"`
	Duration   string      `json:"duration,omitzero"`
	Icon       *ImageDoc   `json:"icon,omitzero"`
}

// Media is an attachment with what every one has.
func Media(mediaType, url, description, blurhash string) MediaDoc {
	return MediaDoc{Type: "Document", MediaType: mediaType, URL: url, Name: Text(description), Blurhash: Text(blurhash)}
}

// OptionDoc is a choice of a poll; make it with Option.
type OptionDoc struct {
	Type    string        `json:"type"`
	Name    string        `json:"name"`
	Replies OptionReplies `json:"replies"`
}

// OptionReplies counts the votes.
type OptionReplies struct {
	Type       string `json:"type"`
	TotalItems int64  `json:"totalItems"`
}

// Option is a choice of a poll.
func Option(name string, votes int64) OptionDoc {
	return OptionDoc{Type: "Note", Name: name, Replies: OptionReplies{Type: "Collection", TotalItems: votes}}
}

// VoteDoc is a vote on somebody's poll, sent inside a Create; make it with Vote.
type VoteDoc struct {
	ID           string `json:"id"`
	Type         string `json:"type"`
	Name         string `json:"name"`
	AttributedTo string `json:"attributedTo"`
	InReplyTo    string `json:"inReplyTo"`
	To           string `json:"to"`
}

// Vote is a vote for the option with this name on the poll of owner.
func Vote(id, voter, option, poll, owner string) VoteDoc {
	return VoteDoc{ID: id, Type: "Note", Name: option, AttributedTo: voter, InReplyTo: poll, To: owner}
}
