package ap

import (
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Text is a string that is written as null when it is empty, where Mastodon writes null.
type Text string

// MarshalJSONTo writes the string or null.
func (t Text) MarshalJSONTo(e *jsontext.Encoder) error {
	if t == "" {
		return e.WriteToken(jsontext.Null)
	}
	return e.WriteToken(jsontext.String(string(t)))
}

// featured is what can say which features it uses, in the order in which Mastodon lists them.
type featured interface{ features() []Feature }

// Document writes a document as it is served or sent: the context that it needs, then its fields in order.
func Document(v any) ([]byte, error) {
	body, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("writing document: %w", err)
	}
	context, err := json.Marshal(Context(featuresOf(v)...))
	if err != nil {
		return nil, fmt.Errorf("writing context: %w", err)
	}
	if len(body) < 3 || body[0] != '{' {
		return nil, fmt.Errorf("writing document: %T has no fields", v)
	}
	out := make([]byte, 0, len(body)+len(context)+16)
	out = append(out, `{"@context":`...)
	out = append(out, context...)
	out = append(out, ',')
	return append(out, body[1:]...), nil
}

func featuresOf(v any) []Feature {
	if f, ok := v.(featured); ok {
		return f.features()
	}
	return nil
}

// ActorDoc is an actor of ours.
type ActorDoc struct {
	ID                        string          `json:"id"`
	Webfinger                 string          `json:"webfinger,omitzero"`
	Type                      string          `json:"type"`
	Following                 string          `json:"following,omitzero"`
	Followers                 string          `json:"followers,omitzero"`
	Inbox                     string          `json:"inbox"`
	Outbox                    string          `json:"outbox,omitzero"`
	Featured                  string          `json:"featured,omitzero"`
	FeaturedTags              string          `json:"featuredTags,omitzero"`
	PreferredUsername         string          `json:"preferredUsername"`
	Name                      string          `json:"name"`
	Summary                   string          `json:"summary"`
	URL                       string          `json:"url"`
	ManuallyApprovesFollowers bool            `json:"manuallyApprovesFollowers"`
	Discoverable              bool            `json:"discoverable"`
	Indexable                 bool            `json:"indexable"`
	Published                 string          `json:"published"`
	Memorial                  bool            `json:"memorial"`
	ShowFeatured              *bool           `json:"showFeatured,omitzero"`
	ShowMedia                 *bool           `json:"showMedia,omitzero"`
	ShowRepliesInMedia        *bool           `json:"showRepliesInMedia,omitzero"`
	InteractionPolicy         *InteractionDoc `json:"interactionPolicy,omitzero"`
	FeaturedCollections       string          `json:"featuredCollections,omitzero"`
	MovedTo                   string          `json:"movedTo,omitzero"`
	AlsoKnownAs               []string        `json:"alsoKnownAs,omitempty"`
	Suspended                 bool            `json:"suspended,omitzero"`
	AttributionDomains        []string        `json:"attributionDomains,omitempty"`
	PublicKey                 PublicKeyDoc    `json:"publicKey"`
	Tag                       []TagDoc        `json:"tag"`
	Attachment                []FieldDoc      `json:"attachment"`
	Endpoints                 EndpointsDoc    `json:"endpoints,omitzero"`
	Icon                      *ImageDoc       `json:"icon,omitzero"`
	Image                     *ImageDoc       `json:"image,omitzero"`
}

func (a *ActorDoc) features() []Feature {
	list := []Feature{FeatureSecurity}
	if a.Webfinger != "" {
		list = append(list, FeatureWebfinger)
	}
	list = append(list, FeatureLocked, FeatureFeatured, FeatureAlsoKnownAs, FeatureMovedTo, FeaturePropertyValue, FeatureDiscoverable,
		FeatureSuspended, FeatureMemorial, FeatureIndexable, FeatureAttributionDomains)
	if a.ShowFeatured != nil || a.ShowMedia != nil || a.ShowRepliesInMedia != nil {
		list = append(list, FeatureProfileSettings)
	}
	if a.InteractionPolicy != nil || a.FeaturedCollections != "" {
		list = append(list, FeatureFeaturing)
	}
	list = append(list, tagFeatures(a.Tag)...)
	if a.Icon != nil || a.Image != nil {
		list = append(list, FeatureFocalPoint)
	}
	return list
}

// PublicKeyDoc is the key inside an actor.
type PublicKeyDoc struct {
	ID           string `json:"id"`
	Owner        string `json:"owner"`
	PublicKeyPEM string `json:"publicKeyPem"`
}

// EndpointsDoc names what all actors of a server share.
type EndpointsDoc struct {
	SharedInbox string `json:"sharedInbox"`
}

// FieldDoc is a row of a profile; make it with Field.Doc.
type FieldDoc struct {
	Type  string `json:"type"`
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Doc is the field as it is sent.
func (f Field) Doc() FieldDoc { return FieldDoc{Type: "PropertyValue", Name: f.Name, Value: f.Value} }

// ImageDoc is an avatar, a header, an emoji's picture or a preview; make it with Image.
type ImageDoc struct {
	Type      string `json:"type"`
	MediaType string `json:"mediaType,omitzero"`
	URL       string `json:"url"`
	// Summary says what an avatar or a header shows, in plain text.
	Summary string `json:"summary,omitzero"`
}

// Image is a picture.
func Image(mediaType, url string) *ImageDoc {
	return &ImageDoc{Type: "Image", MediaType: mediaType, URL: url}
}

// TagDoc is a mention, a hashtag or an emoji; make it with Mention, Hashtag or Emoji.
type TagDoc struct {
	ID      string    `json:"id,omitzero"`
	Type    string    `json:"type"`
	Href    string    `json:"href,omitzero"`
	Name    string    `json:"name"`
	Updated string    `json:"updated,omitzero"`
	Icon    *ImageDoc `json:"icon,omitzero"`
}

// Mention names someone; acct is without the leading @.
func Mention(href, acct string) TagDoc { return TagDoc{Type: "Mention", Href: href, Name: "@" + acct} }

// Hashtag is a tag; name is without the leading #.
func Hashtag(href, name string) TagDoc { return TagDoc{Type: "Hashtag", Href: href, Name: "#" + name} }

// Emoji is a custom emoji; shortcode is without colons, updated as by FormatTime.
func Emoji(id, shortcode, updated string, icon *ImageDoc) TagDoc {
	return TagDoc{ID: id, Type: "Emoji", Name: ":" + shortcode + ":", Updated: updated, Icon: icon}
}

func tagFeatures(tags []TagDoc) []Feature {
	var list []Feature
	for _, t := range tags {
		switch t.Type {
		case "Hashtag":
			list = append(list, FeatureHashtag)
		case "Emoji":
			list = append(list, FeatureEmoji, FeatureFocalPoint)
		}
	}
	return list
}
