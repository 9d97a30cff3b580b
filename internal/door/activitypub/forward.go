package activitypub

import (
	"context"
	"crypto"
	"slices"
	"time"

	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/ap/ldsig"
	"github.com/gomph/gomph/internal/kit/errs"
)

const (
	// forwardAge is how old the signature inside a forwarded activity may be: as long as a delivery is tried. Signatures in
	// documents do not say whom they are for, so whoever has one could bring it up again years later (LDS-04).
	forwardAge = 7 * 24 * time.Hour
	// forwardSkew is how far the clock of its signer may be ahead.
	forwardSkew = time.Hour
)

// forwardable are the activities that are believed from somebody else's hand: what is said to everybody. The rest is between two.
var forwardable = []string{"Create", "Update", "Delete", "Announce", "Undo", "Add", "Remove"}

// carriesSignature reports whether a document claims to be signed by itself.
func carriesSignature(o *ap.Object) bool {
	return o.Object("signature") != nil || o.Object("proof") != nil
}

// inner is a signature inside a document.
type inner struct {
	keyID    string
	created  time.Time
	document []byte
	fits     func(crypto.PublicKey) bool
}

// forwarded says who made an activity that somebody else delivered (a relay, or the server of whoever was answered), by the
// signature that it carries, and gives what that covers. Without one that holds it is refused.
func (s *Server) forwarded(ctx context.Context, o *ap.Object, body []byte) (signatory, []byte, error) {
	actor := o.IDOf("actor")
	if o.Kind(s.kinds...) != o.Kind(forwardable...) || !o.Is(forwardable...) {
		return signatory{}, nil, errs.New(errs.UnauthorizedKind, "The signature is not the actor's")
	}
	in, err := readInner(o, body)
	if err != nil {
		return signatory{}, nil, errs.Wrap(errs.UnauthorizedKind, err, "The signature is not the actor's")
	}
	now := s.Clock.Now()
	if !ap.SameHost(in.keyID, actor) || now.Sub(in.created) > forwardAge || in.created.Sub(now) > forwardSkew {
		return signatory{}, nil, errs.New(errs.UnauthorizedKind, "The signature of the document does not count")
	}
	by, err := s.ownerOf(ctx, in.keyID, in.fits)
	if err != nil {
		return signatory{}, nil, err
	}
	meant, err := ap.Parse(in.document)
	if err != nil {
		return signatory{}, nil, err
	}
	if by.URI != actor || meant.IDOf("actor") != actor || meant.ID != o.ID || !slices.Equal(meant.Types, o.Types) {
		return signatory{}, nil, errs.New(errs.UnauthorizedKind, "The signature of the document is not the actor's")
	}
	return signatory{by.ID, by.URI}, in.document, nil
}

// readInner reads the proof of a document, which covers it as it is, or else its linked-data signature.
func readInner(o *ap.Object, body []byte) (inner, error) {
	proof, err := ldsig.ReadProof(body)
	if err == nil {
		return inner{proof.KeyID, proof.Created, body, proof.Fits}, nil
	}
	if o.Object("signature") == nil {
		return inner{}, err
	}
	signed, err := ldsig.Read(body)
	return inner{signed.KeyID, signed.Created, signed.Document, signed.Fits}, err
}
