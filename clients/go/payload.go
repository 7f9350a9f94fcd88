package millhand

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"

	millhandv1 "github.com/millhand/millhand/clients/go/millhand/v1"
)

// Blob is bytes that say what they are.
type Blob struct {
	Data        []byte
	ContentType string
}

// Null is JSON null as a payload; a nil payload is none at all, which handlers see as null, too.
var Null = structpb.NewNullValue()

// maxInteger is the largest integer up to which a double holds every integer.
const maxInteger = 1 << 53

// maxNesting only guards against values that contain themselves: the server's limit is lower, and its to tell.
const maxNesting = 64

// encode returns a value as a payload, nil for nil: []byte and Blob as a blob, a protobuf message as a message, and
// what encoding/json knows as JSON.
func encode(value any) (*millhandv1.Payload, error) {
	switch known := value.(type) {
	case nil:
		return nil, nil
	case *millhandv1.Payload:
		return known, nil
	case []byte:
		return blobOf(Blob{Data: known}), nil
	case Blob:
		return blobOf(known), nil
	case *structpb.Value:
		return &millhandv1.Payload{Kind: &millhandv1.Payload_Json{Json: known}}, nil
	case *anypb.Any:
		return &millhandv1.Payload{Kind: &millhandv1.Payload_Message{Message: known}}, nil
	case proto.Message:
		packed, err := anypb.New(known)
		if err != nil {
			return nil, unsendable("payload", "cannot be packed: %v", err)
		}
		return encode(packed)
	}
	json, err := jsonOf(value, "payload", 0)
	if err != nil {
		return nil, err
	}
	return encode(json)
}

func blobOf(blob Blob) *millhandv1.Payload {
	message := &millhandv1.Blob{Data: blob.Data, ContentType: blob.ContentType}
	return &millhandv1.Payload{Kind: &millhandv1.Payload_Blob{Blob: message}}
}

// jsonOf returns a value as JSON. Values of types of one's own go through encoding/json, with its tags.
func jsonOf(value any, path string, depth int) (*structpb.Value, error) {
	if depth > maxNesting {
		return nil, unsendable(path, "is nested too deeply, or contains itself")
	}
	switch known := value.(type) {
	case nil:
		return structpb.NewNullValue(), nil
	case bool:
		return structpb.NewBoolValue(known), nil
	case string:
		if !utf8.ValidString(known) {
			return nil, unsendable(path, "is not valid UTF-8")
		}
		return structpb.NewStringValue(known), nil
	case json.Number:
		return numberOf(known, path)
	case float64:
		return floatOf(known, path)
	case float32:
		return floatOf(float64(known), path)
	case int:
		return integerOf(int64(known), path)
	case int64:
		return integerOf(known, path)
	case map[string]any:
		return objectOf(known, path, depth)
	case []any:
		return listOf(known, path, depth)
	}
	return plainOf(value, path, depth)
}

func objectOf(fields map[string]any, path string, depth int) (*structpb.Value, error) {
	object := &structpb.Struct{Fields: make(map[string]*structpb.Value, len(fields))}
	for name, value := range fields {
		if !utf8.ValidString(name) {
			return nil, unsendable(path, "has a key that is not valid UTF-8")
		}
		encoded, err := jsonOf(value, path+"."+name, depth+1)
		if err != nil {
			return nil, err
		}
		object.Fields[name] = encoded
	}
	return structpb.NewStructValue(object), nil
}

func listOf(items []any, path string, depth int) (*structpb.Value, error) {
	list := &structpb.ListValue{Values: make([]*structpb.Value, len(items))}
	for index, item := range items {
		encoded, err := jsonOf(item, fmt.Sprintf("%s[%d]", path, index), depth+1)
		if err != nil {
			return nil, err
		}
		list.Values[index] = encoded
	}
	return structpb.NewListValue(list), nil
}

func plainOf(value any, path string, depth int) (*structpb.Value, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, unsendable(path, "cannot be written as JSON: %v", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var plain any
	if err := decoder.Decode(&plain); err != nil {
		return nil, unsendable(path, "cannot be written as JSON: %v", err)
	}
	return jsonOf(plain, path, depth+1)
}

func numberOf(number json.Number, path string) (*structpb.Value, error) {
	float, err := number.Float64()
	whole, isWhole := new(big.Int).SetString(number.String(), 10)
	if err == nil && isWhole {
		// A float field may be as large as it likes, an integer only as long as it stays the same number.
		held, _ := new(big.Float).SetFloat64(float).Int(nil)
		isWhole = held.Cmp(whole) != 0
	}
	if err != nil || isWhole {
		return nil, unsendable(path, "is %s, which a double would change: send it as a string", number)
	}
	return floatOf(float, path)
}

func integerOf(integer int64, path string) (*structpb.Value, error) {
	if integer > maxInteger || integer < -maxInteger {
		return nil, unsendable(path, "is %d, beyond 2^53, which JSON numbers would change: send it as a string", integer)
	}
	return structpb.NewNumberValue(float64(integer)), nil
}

func floatOf(float float64, path string) (*structpb.Value, error) {
	if math.IsNaN(float) || math.IsInf(float, 0) {
		return nil, unsendable(path, "is %v, which JSON does not have", float)
	}
	return structpb.NewNumberValue(float), nil
}

func unsendable(path, format string, arguments ...any) *Error {
	return invalid(codes.InvalidArgument, ErrInvalidPayload, path, format, arguments...)
}

// decode returns a payload as a natural value: as encoding/json would for JSON, []byte for a blob without a content
// type, else a Blob, the message itself if its type is linked in, else an *anypb.Any, and nil for none.
func decode(payload *millhandv1.Payload) any {
	switch kind := payload.GetKind().(type) {
	case *millhandv1.Payload_Json:
		return kind.Json.AsInterface()
	case *millhandv1.Payload_Blob:
		if kind.Blob.GetContentType() == "" {
			return append([]byte{}, kind.Blob.GetData()...)
		}
		return Blob{Data: kind.Blob.GetData(), ContentType: kind.Blob.GetContentType()}
	case *millhandv1.Payload_Message:
		if message, err := kind.Message.UnmarshalNew(); err == nil {
			return message
		}
		return kind.Message
	}
	return nil
}
