package ap

import "slices"

// ActivityDoc is an activity of ours. Object is an address, several, or a document of this package.
type ActivityDoc struct {
	ID        string   `json:"id,omitzero"`
	Type      string   `json:"type"`
	Actor     string   `json:"actor"`
	Published string   `json:"published,omitzero"`
	To        []string `json:"to,omitzero"`
	Cc        []string `json:"cc,omitzero"`
	Content   string   `json:"content,omitzero"`
	Target    string   `json:"target,omitzero"`
	Object    any      `json:"object"`
	// Instrument is what a QuoteRequest wants to quote with: an address or a *NoteDoc.
	Instrument any `json:"instrument,omitzero"`
	// Result is the stamp that an Accept of a QuoteRequest grants.
	Result string `json:"result,omitzero"`
}

func (a *ActivityDoc) features() []Feature {
	list := featuresOf(a.Object)
	if a.Type == "QuoteRequest" {
		list = append(list, FeatureQuoteRequest)
	}
	if a.Type == "FeatureRequest" {
		list = append(list, FeatureRequests)
	}
	return append(list, featuresOf(a.Instrument)...)
}

// Public reports whether the activity is addressed to everybody.
func (a *ActivityDoc) Public() bool {
	return slices.Contains(a.To, Public) || slices.Contains(a.Cc, Public)
}

// Activity is an activity with what every one has.
func Activity(kind, id, actor string, object any) *ActivityDoc {
	return &ActivityDoc{ID: id, Type: kind, Actor: actor, Object: object}
}

// Create publishes a post to those whom the post itself addresses.
func Create(n *NoteDoc) *ActivityDoc {
	a := Activity("Create", n.ID+"/activity", n.AttributedTo, n)
	a.Published, a.To, a.Cc = n.Published, n.To, n.Cc
	return a
}

// CreateVote sends a vote to the poll's owner.
func CreateVote(v VoteDoc) *ActivityDoc {
	a := Activity("Create", v.ID+"/activity", v.AttributedTo, v)
	a.To = []string{v.To}
	return a
}

// UpdateNote tells of an edit; id must differ from edit to edit.
func UpdateNote(id string, n *NoteDoc) *ActivityDoc {
	a := Activity("Update", id, n.AttributedTo, n)
	a.Published, a.To, a.Cc = n.Updated, n.To, n.Cc
	return a
}

// UpdateActor tells everybody of a changed profile.
func UpdateActor(id string, actor *ActorDoc) *ActivityDoc {
	a := Activity("Update", id, actor.ID, actor)
	a.To = []string{Public}
	return a
}

// Announce boosts a post; published is as by FormatTime.
func Announce(id, actor, published string, to, cc []string, object string) *ActivityDoc {
	a := Activity("Announce", id, actor, object)
	a.Published, a.To, a.Cc = published, to, cc
	return a
}

// DeleteNote takes a post back.
func DeleteNote(actor, note, atomURI string) *ActivityDoc {
	a := Activity("Delete", note+"#delete", actor, &TombstoneDoc{ID: note, Type: "Tombstone", AtomURI: atomURI})
	a.To = []string{Public}
	return a
}

// DeleteActor says that an account is gone.
func DeleteActor(actor string) *ActivityDoc {
	a := Activity("Delete", actor+"#delete", actor, actor)
	a.To = []string{Public}
	return a
}

// Undo takes an activity back; to may be nil.
func Undo(id string, what *ActivityDoc, to []string) *ActivityDoc {
	a := Activity("Undo", id, what.Actor, what)
	a.To = to
	return a
}

// Follow asks to follow; Accept and Reject answer with the whole Follow.
func Follow(id, actor, target string) *ActivityDoc { return Activity("Follow", id, actor, target) }

// Accept says yes to a follow.
func Accept(id, actor string, follow *ActivityDoc) *ActivityDoc {
	return Activity("Accept", id, actor, follow)
}

// Reject says no to a follow, or ends it.
func Reject(id, actor string, follow *ActivityDoc) *ActivityDoc {
	return Activity("Reject", id, actor, follow)
}

// QuoteRequest asks the author of a post whether another post may quote it (FEP-044f).
func QuoteRequest(id, actor, quoted string, quoting any) *ActivityDoc {
	a := Activity("QuoteRequest", id, actor, quoted)
	a.Instrument = quoting
	return a
}

// StampDoc is the agreement of an author to be quoted by a post (FEP-044f), or of an account to be in a collection (FEP-7aa9).
type StampDoc struct {
	ID                string `json:"id"`
	Type              string `json:"type"`
	AttributedTo      string `json:"attributedTo"`
	InteractingObject string `json:"interactingObject"`
	InteractionTarget string `json:"interactionTarget"`
}

func (s *StampDoc) features() []Feature {
	if s.Type == "FeatureAuthorization" {
		return []Feature{FeatureAuthorizations}
	}
	return []Feature{FeatureQuoteAuthorizations}
}

// DeleteStamp takes an agreement back.
func DeleteStamp(s *StampDoc) *ActivityDoc {
	a := Activity("Delete", s.ID+"#delete", s.AttributedTo, s)
	a.To = []string{Public}
	return a
}

// Like favourites a post.
func Like(id, actor, object string) *ActivityDoc { return Activity("Like", id, actor, object) }

// Block blocks someone.
func Block(id, actor, target string) *ActivityDoc { return Activity("Block", id, actor, target) }

// Add pins an object (an address, or a *TagDoc) to a collection of the actor; Mastodon gives no id.
func Add(actor string, object any, collection string) *ActivityDoc {
	a := Activity("Add", "", actor, object)
	a.Target = collection
	return a
}

// Remove takes an object out of a collection of the actor.
func Remove(actor string, object any, collection string) *ActivityDoc {
	a := Activity("Remove", "", actor, object)
	a.Target = collection
	return a
}

// Flag reports an account and posts of it, in the name of the server.
func Flag(id, actor, comment string, objects []string) *ActivityDoc {
	a := Activity("Flag", id, actor, objects)
	a.Content = comment
	return a
}

// Move says that an account goes on elsewhere.
func Move(id, actor, target string) *ActivityDoc {
	a := Activity("Move", id, actor, actor)
	a.Target = target
	return a
}

// TombstoneDoc stands where a post was.
type TombstoneDoc struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	AtomURI string `json:"atomUri,omitzero"`
}

func (t *TombstoneDoc) features() []Feature {
	if t.AtomURI == "" {
		return nil
	}
	return []Feature{FeatureAtomURI}
}

// CollectionDoc is a collection or a page of one. First and Last are addresses or an embedded *CollectionDoc.
type CollectionDoc struct {
	ID           string `json:"id,omitzero"`
	Type         string `json:"type"`
	AttributedTo string `json:"attributedTo,omitzero"`
	TotalItems   *int64 `json:"totalItems,omitzero"`
	Next         string `json:"next,omitzero"`
	Prev         string `json:"prev,omitzero"`
	PartOf       string `json:"partOf,omitzero"`
	First        any    `json:"first,omitzero"`
	Last         any    `json:"last,omitzero"`
	Items        []any  `json:"items,omitzero"`
	OrderedItems []any  `json:"orderedItems,omitzero"`
}

func (c *CollectionDoc) features() []Feature {
	list := featuresOf(c.First)
	for _, items := range [][]any{c.Items, c.OrderedItems} {
		for _, item := range items {
			list = append(list, featuresOf(item)...)
		}
	}
	return list
}

// OrderedCollection is a collection that is read page by page; first and last may be empty, and total negative to keep it untold.
func OrderedCollection(id string, total int64, first, last string) *CollectionDoc {
	c := Collection(id, total, nil)
	c.Type = "OrderedCollection"
	if first != "" {
		c.First = first
	}
	if last != "" {
		c.Last = last
	}
	return c
}

// OrderedItems is a whole ordered collection in one document.
func OrderedItems(id string, items []any) *CollectionDoc {
	c := OrderedCollection(id, int64(len(items)), "", "")
	c.OrderedItems = listed(items)
	return c
}

// OrderedPage is a page of an ordered collection.
func OrderedPage(id, partOf, next, prev string, items []any) *CollectionDoc {
	return &CollectionDoc{ID: id, Type: "OrderedCollectionPage", Next: next, Prev: prev, PartOf: partOf, OrderedItems: listed(items)}
}

// Collection is an unordered collection; first is nil, an address or a page, and total negative to keep it untold.
func Collection(id string, total int64, first any) *CollectionDoc {
	c := &CollectionDoc{ID: id, Type: "Collection", First: first}
	if total >= 0 {
		c.TotalItems = &total
	}
	return c
}

// Page is a page of an unordered collection; id may be empty when it is embedded.
func Page(id, partOf, next string, items []any) *CollectionDoc {
	return &CollectionDoc{ID: id, Type: "CollectionPage", Next: next, PartOf: partOf, Items: listed(items)}
}

// listed makes sure that an empty list is written.
func listed(items []any) []any {
	if items == nil {
		return []any{}
	}
	return items
}
