package ap

import (
	"strings"
	"time"

	"github.com/gomph/gomph/internal/kit/errs"
)

// maxFeaturedItems is how many accounts of a collection are read (Mastodon).
const maxFeaturedItems = 150

// FeaturedCollection is a list of accounts that somebody elsewhere recommends (FEP-7aa9). Empty means missing or refused.
type FeaturedCollection struct {
	ID, AttributedTo string
	Name             string
	// Summary is HTML, not cleaned, and Language that of its words.
	Summary, Language string
	// URL is for people, on the collection's own host; Tag is a hashtag without its sign.
	URL, Tag                string
	Sensitive, Discoverable bool
	Published               time.Time
	Items                   []FeaturedItem
}

// FeaturedItem is an account in a collection, with the address of its agreement.
type FeaturedItem struct{ ID, Object, Authorization string }

// ReadFeaturedCollection reads a collection; it fails for anything else.
func ReadFeaturedCollection(o *Object) (FeaturedCollection, error) {
	if o == nil || o.ID == "" || !o.Is("FeaturedCollection") {
		return FeaturedCollection{}, errs.Invalid("The document is no collection of accounts")
	}
	name, _ := o.text("name")
	c := FeaturedCollection{ID: o.ID, AttributedTo: o.IDOf("attributedTo"), Name: line(name, maxName), URL: o.displayURL(), Sensitive: o.Bool("sensitive"), Discoverable: o.Bool("discoverable")}
	summary, language := o.text("summary")
	c.Summary, c.Language = cut(summary, maxSummary), language
	if topic := o.Object("topic"); topic != nil {
		c.Tag = strings.TrimPrefix(line(topic.String("name"), maxTagName), "#")
	}
	if t, ok := o.Time("published"); ok {
		c.Published = t
	}
	for _, item := range o.Items() {
		if len(c.Items) == maxFeaturedItems {
			break
		}
		if i, ok := ReadFeaturedItem(item); ok && SameHost(i.ID, c.ID) {
			c.Items = append(c.Items, i)
		}
	}
	return c, nil
}

// ReadFeaturedItem reads an account in a collection.
func ReadFeaturedItem(o *Object) (FeaturedItem, bool) {
	if o == nil || !o.Is("FeaturedItem") {
		return FeaturedItem{}, false
	}
	i := FeaturedItem{ID: o.ID, Object: o.IDOf("featuredObject"), Authorization: o.IDOf("featureAuthorization")}
	return i, i.ID != "" && i.Object != ""
}

// FeaturedCollectionDoc is a collection of ours.
type FeaturedCollectionDoc struct {
	ID           string             `json:"id"`
	Type         string             `json:"type"`
	TotalItems   int                `json:"totalItems"`
	Name         string             `json:"name"`
	AttributedTo string             `json:"attributedTo"`
	URL          string             `json:"url"`
	Sensitive    bool               `json:"sensitive"`
	Discoverable bool               `json:"discoverable"`
	Published    string             `json:"published"`
	Updated      string             `json:"updated"`
	Summary      string             `json:"summary,omitzero"`
	SummaryMap   map[string]string  `json:"summaryMap,omitempty"`
	Topic        *TagDoc            `json:"topic,omitzero"`
	OrderedItems []*FeaturedItemDoc `json:"orderedItems"`
}

func (c *FeaturedCollectionDoc) features() []Feature {
	list := []Feature{FeatureSensitive, FeatureDiscoverable, FeatureCollections}
	if c.Topic != nil {
		list = append(list, FeatureHashtag)
	}
	return list
}

// FeaturedItemDoc is an account in a collection of ours; make it with FeaturedItemOf.
type FeaturedItemDoc struct {
	ID                   string `json:"id"`
	Type                 string `json:"type"`
	FeaturedObject       string `json:"featuredObject"`
	FeaturedObjectType   string `json:"featuredObjectType"`
	FeatureAuthorization string `json:"featureAuthorization"`
}

func (i *FeaturedItemDoc) features() []Feature { return []Feature{FeatureCollections} }

// FeaturedItemOf is an account in a collection, with the address of its agreement.
func FeaturedItemOf(id, actor, actorType, authorization string) *FeaturedItemDoc {
	return &FeaturedItemDoc{ID: id, Type: "FeaturedItem", FeaturedObject: actor, FeaturedObjectType: actorType, FeatureAuthorization: authorization}
}

// FeatureRequest asks an account whether a collection may have it (FEP-7aa9).
func FeatureRequest(id, actor, whom, collection string) *ActivityDoc {
	a := Activity("FeatureRequest", id, actor, whom)
	a.Instrument = collection
	return a
}

// UpdateCollection tells everybody of a changed collection; id must differ from change to change.
func UpdateCollection(id string, c *FeaturedCollectionDoc) *ActivityDoc {
	a := Activity("Update", id, c.AttributedTo, c)
	a.To = []string{Public}
	return a
}
