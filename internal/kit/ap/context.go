package ap

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Feature is a group of terms that a document uses beyond ActivityStreams, and so must explain in its context.
type Feature string

// The features, named as the terms they bring. Security, Webfinger bring a context of their own; the others inline terms.
const (
	FeatureSecurity            Feature = "security"
	FeatureWebfinger           Feature = "webfinger"
	FeatureLocked              Feature = "manuallyApprovesFollowers"
	FeatureSensitive           Feature = "sensitive"
	FeatureHashtag             Feature = "Hashtag"
	FeatureMovedTo             Feature = "movedTo"
	FeatureAlsoKnownAs         Feature = "alsoKnownAs"
	FeatureEmoji               Feature = "Emoji"
	FeatureFeatured            Feature = "featured"
	FeaturePropertyValue       Feature = "PropertyValue"
	FeatureAtomURI             Feature = "atomUri"
	FeatureConversation        Feature = "conversation"
	FeatureFocalPoint          Feature = "focalPoint"
	FeatureBlurhash            Feature = "blurhash"
	FeatureDiscoverable        Feature = "discoverable"
	FeatureIndexable           Feature = "indexable"
	FeatureMemorial            Feature = "memorial"
	FeatureVotersCount         Feature = "votersCount"
	FeatureSuspended           Feature = "suspended"
	FeatureAttributionDomains  Feature = "attributionDomains"
	FeatureProfileSettings     Feature = "showFeatured"
	FeatureQuoteRequest        Feature = "QuoteRequest"
	FeatureQuotes              Feature = "quote"
	FeatureInteractionPolicy   Feature = "interactionPolicy"
	FeatureQuoteAuthorizations Feature = "interactingObject"
	FeatureFeaturing           Feature = "canFeature"
	FeatureRequests            Feature = "FeatureRequest"
	FeatureCollections         Feature = "FeaturedCollection"
	FeatureAuthorizations      Feature = "FeatureAuthorization"
)

// Features are all of them: together they explain every term that is read.
var Features = []Feature{
	FeatureSecurity, FeatureWebfinger, FeatureLocked, FeatureSensitive, FeatureHashtag, FeatureMovedTo,
	FeatureAlsoKnownAs, FeatureEmoji, FeatureFeatured, FeaturePropertyValue, FeatureAtomURI, FeatureConversation,
	FeatureFocalPoint, FeatureBlurhash, FeatureDiscoverable, FeatureIndexable, FeatureMemorial, FeatureVotersCount,
	FeatureSuspended, FeatureAttributionDomains, FeatureProfileSettings, FeatureQuoteRequest, FeatureQuotes, FeatureInteractionPolicy,
	FeatureQuoteAuthorizations, FeatureFeaturing, FeatureRequests, FeatureCollections, FeatureAuthorizations,
}

// term is one entry of the inline context: a name and what it stands for, typed as an id where ID is set.
type term struct {
	name string
	iri  string
	// id marks values that are addresses; list those whose order counts.
	id, list bool
}

const (
	tootNS    = "http://joinmastodon.org/ns#"
	ostatusNS = "http://ostatus.org#"
	gtsNS     = "https://gotosocial.org/ns#"
	quoteNS   = "https://w3id.org/fep/044f#"
	featureNS = "https://w3id.org/fep/7aa9#"
)

// contextURL are the contexts that are named rather than spelt out.
func contextURL(f Feature) string {
	switch f {
	case FeatureSecurity:
		return "https://w3id.org/security/v1"
	case FeatureWebfinger:
		return "https://purl.archive.org/socialweb/webfinger"
	}
	return ""
}

// terms are Mastodon's, name for name.
func terms(f Feature) []term {
	toot, ostatus, gts := term{name: "toot", iri: tootNS}, term{name: "ostatus", iri: ostatusNS}, term{name: "gts", iri: gtsNS}
	switch f {
	case FeatureLocked, FeatureSensitive, FeatureHashtag:
		return []term{{name: string(f), iri: "as:" + string(f)}}
	case FeatureMovedTo, FeatureAlsoKnownAs:
		return []term{{name: string(f), iri: "as:" + string(f), id: true}}
	case FeatureFeatured:
		return []term{toot, {name: "featured", iri: "toot:featured", id: true}, {name: "featuredTags", iri: "toot:featuredTags", id: true}}
	case FeaturePropertyValue:
		return []term{{name: "schema", iri: "http://schema.org#"}, {name: "PropertyValue", iri: "schema:PropertyValue"}, {name: "value", iri: "schema:value"}}
	case FeatureAtomURI:
		return []term{ostatus, {name: "atomUri", iri: "ostatus:atomUri"}}
	case FeatureConversation:
		return []term{ostatus, {name: "inReplyToAtomUri", iri: "ostatus:inReplyToAtomUri"}, {name: "conversation", iri: "ostatus:conversation"}}
	case FeatureFocalPoint:
		return []term{toot, {name: "focalPoint", iri: "toot:focalPoint", list: true}}
	case FeatureEmoji, FeatureBlurhash, FeatureDiscoverable, FeatureIndexable, FeatureMemorial, FeatureVotersCount, FeatureSuspended:
		return []term{toot, {name: string(f), iri: "toot:" + string(f)}}
	case FeatureAttributionDomains:
		return []term{toot, {name: "attributionDomains", iri: "toot:attributionDomains", id: true}}
	case FeatureProfileSettings:
		return []term{toot, {name: "showFeatured", iri: "toot:showFeatured"}, {name: "showMedia", iri: "toot:showMedia"}, {name: "showRepliesInMedia", iri: "toot:showRepliesInMedia"}}
	case FeatureQuoteRequest:
		return []term{{name: "QuoteRequest", iri: quoteNS + "QuoteRequest"}}
	case FeatureQuotes:
		return []term{
			{name: "quote", iri: quoteNS + "quote", id: true},
			{name: "quoteUri", iri: "http://fedibird.com/ns#quoteUri"},
			{name: "_misskey_quote", iri: "https://misskey-hub.net/ns#_misskey_quote"},
			{name: "quoteAuthorization", iri: quoteNS + "quoteAuthorization", id: true},
		}
	case FeatureInteractionPolicy:
		return []term{
			gts,
			{name: "interactionPolicy", iri: "gts:interactionPolicy", id: true},
			{name: "canQuote", iri: "gts:canQuote", id: true},
			{name: "automaticApproval", iri: "gts:automaticApproval", id: true},
			{name: "manualApproval", iri: "gts:manualApproval", id: true},
		}
	case FeatureFeaturing:
		return []term{
			gts,
			{name: "interactionPolicy", iri: "gts:interactionPolicy", id: true},
			{name: "canFeature", iri: featureNS + "canFeature", id: true},
			{name: "automaticApproval", iri: "gts:automaticApproval", id: true},
			{name: "manualApproval", iri: "gts:manualApproval", id: true},
			{name: "featuredCollections", iri: featureNS + "featuredCollections", id: true},
		}
	case FeatureRequests:
		return []term{{name: "FeatureRequest", iri: featureNS + "FeatureRequest"}}
	case FeatureCollections:
		return []term{
			{name: "FeaturedCollection", iri: featureNS + "FeaturedCollection"},
			{name: "FeaturedItem", iri: featureNS + "FeaturedItem"},
			{name: "topic", iri: featureNS + "topic", id: true},
			{name: "featuredObject", iri: featureNS + "featuredObject", id: true},
			{name: "featuredObjectType", iri: featureNS + "featuredObjectType"},
			{name: "featureAuthorization", iri: featureNS + "featureAuthorization", id: true},
		}
	case FeatureAuthorizations:
		return []term{
			gts,
			{name: "FeatureAuthorization", iri: featureNS + "FeatureAuthorization"},
			{name: "interactingObject", iri: "gts:interactingObject"},
			{name: "interactionTarget", iri: "gts:interactionTarget"},
		}
	case FeatureQuoteAuthorizations:
		return []term{
			gts,
			{name: "quoteAuthorization", iri: quoteNS + "quoteAuthorization", id: true},
			{name: "interactingObject", iri: "gts:interactingObject"},
			{name: "interactionTarget", iri: "gts:interactionTarget"},
		}
	}
	return nil
}

// LDContext is the value of @context: addresses, and at the end the inline terms. With one member it is written without the list.
type LDContext []any

// inline are the terms of a context in order, each once.
type inline []term

// Context is the context of a document with these features, in their order.
func Context(features ...Feature) LDContext {
	c := LDContext{Namespace}
	var all inline
	seen := map[string]bool{}
	for _, f := range features {
		if u := contextURL(f); u != "" && !seen[u] {
			seen[u] = true
			c = append(c, u)
		}
		for _, t := range terms(f) {
			if !seen[t.name] {
				seen[t.name] = true
				all = append(all, t)
			}
		}
	}
	if len(all) > 0 {
		c = append(c, all)
	}
	return c
}

// MarshalJSONTo writes a lone member without the list.
func (c LDContext) MarshalJSONTo(e *jsontext.Encoder) error {
	if len(c) == 1 {
		return json.MarshalEncode(e, c[0])
	}
	return json.MarshalEncode(e, []any(c))
}

// MarshalJSONTo writes the terms as one object.
func (terms inline) MarshalJSONTo(e *jsontext.Encoder) error {
	tokens := []jsontext.Token{jsontext.BeginObject}
	for _, t := range terms {
		tokens = append(tokens, jsontext.String(t.name))
		switch {
		case t.id:
			tokens = append(tokens, jsontext.BeginObject, jsontext.String("@id"), jsontext.String(t.iri), jsontext.String("@type"), jsontext.String("@id"), jsontext.EndObject)
		case t.list:
			tokens = append(tokens, jsontext.BeginObject, jsontext.String("@container"), jsontext.String("@list"), jsontext.String("@id"), jsontext.String(t.iri), jsontext.EndObject)
		default:
			tokens = append(tokens, jsontext.String(t.iri))
		}
	}
	for _, token := range append(tokens, jsontext.EndObject) {
		if err := e.WriteToken(token); err != nil {
			return err
		}
	}
	return nil
}
