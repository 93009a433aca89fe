package mapping

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"
	"cel.dev/cel-go/interpreter"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// Expressions are CEL. They see the document as the client sent it, typed by the
// tenant's schemas: resource, and a variable for each extension, which is called as its
// schema: enterpriseUser. What is not assigned is "", 0, false or an empty list; has()
// tells it apart.

const (
	// resourceVariable is the document in an expression.
	resourceVariable = "resource"
	// groupsVariable is the list of the names of the groups of the tenant that a user is in;
	// for rules about roles alone, as a document that is stored has no groups.
	groupsVariable = "groups"
)

// names are those of all variables.
func (l *language) names() []string {
	out := scim.SortedNames(l.variables)
	if l.groups {
		out = append(out, groupsVariable)
	}
	slices.Sort(out)
	return out
}

// Bounds of an expression, in CEL's unit of cost. The estimate of the worst case is held against the first when a file is loaded, and
// what an evaluation really costs against the second.
const (
	maxEstimate = 10_000_000
	maxCost     = 100_000
	// Sizes that the estimate takes for values of a document.
	assumedElements = 100
	assumedLength   = 256
	// What CEL's costs leave out: a text that a step reads, in bytes, and those of a result.
	maxInput  = 8 << 10
	maxResult = 1 << 20
)

// language compiles the expressions of one type of resource.
type language struct {
	env       *cel.Env
	variables map[string]string // name to URN; "" for the document itself
	groups    bool              // whether there is groupsVariable
}

// newLanguage declares the variables that a resource type gives and, when groups says so, the
// names of the user's groups.
func newLanguage(rt *scim.ResourceType, groups bool) (*language, error) {
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, fmt.Errorf("CEL: %w", err)
	}
	p := &provider{Registry: registry, fields: map[string]map[string]*types.FieldType{}}
	l := &language{variables: map[string]string{resourceVariable: ""}, groups: groups}
	options := []cel.EnvOption{
		cel.CustomTypeProvider(p), cel.CustomTypeAdapter(registry), ext.Strings(),
		cel.Variable(resourceVariable, p.declare(resourceVariable, append(slices.Clone(rt.Schema.Attributes), rt.Attribute(scim.AttrExternalID)))),
	}
	for _, s := range rt.Extensions {
		if name := variableOf(s.Name); name != "" && name != groupsVariable && !l.has(name) {
			l.variables[name] = s.ID
			options = append(options, cel.Variable(name, p.declare(name, s.Attributes)))
		}
	}
	if groups {
		options = append(options, cel.Variable(groupsVariable, cel.ListType(cel.StringType)))
	}
	if l.env, err = cel.NewEnv(options...); err != nil {
		return nil, fmt.Errorf("CEL: %w", err)
	}
	return l, nil
}

func (l *language) has(name string) bool {
	_, ok := l.variables[name]
	return ok
}

var identifier = regexp.MustCompile(`^[a-z][A-Za-z0-9_]*$`)

// variableOf is the variable of an extension whose schema has that name, "" when the name
// makes none.
func variableOf(name string) string {
	first, size := utf8.DecodeRuneInString(name)
	name = string(unicode.ToLower(first)) + name[min(size, len(name)):]
	if !identifier.MatchString(name) {
		return ""
	}
	return name
}

// provider tells CEL which attributes there are. Their values are those of documents.
type provider struct {
	*types.Registry

	fields map[string]map[string]*types.FieldType // by the name of the object
}

// declare makes a type of attributes that can be read.
//
// The type is not called as the path to it: CEL would take the path for the type.
func (p *provider) declare(path string, attributes []*scim.Attribute) *types.Type {
	name := "scim." + path
	fields := make(map[string]*types.FieldType, len(attributes))
	for _, a := range attributes {
		if a.Returned != scim.ReturnedNever && a.Name != scim.AttrGroups && a.Name != scim.AttrMembers {
			fields[a.Name] = p.field(path+"."+a.Name, a)
		}
	}
	p.fields[name] = fields
	return types.NewObjectType(name)
}

// field is an attribute; what is not assigned is its zero value.
func (p *provider) field(path string, a *scim.Attribute) *types.FieldType {
	single, element := p.single(path, a)
	whole := element
	if a.MultiValued {
		whole = []any{}
	}
	f := &types.FieldType{
		Type: single,
		IsSet: func(target any) bool {
			object, _ := target.(map[string]any)
			return object[a.Name] != nil
		},
		GetFrom: func(target any) (any, error) {
			object, _ := target.(map[string]any)
			if object[a.Name] == nil {
				return whole, nil
			}
			return native(object[a.Name], element)
		},
	}
	if a.MultiValued {
		f.Type = types.NewListType(single)
	}
	return f
}

func (p *provider) single(path string, a *scim.Attribute) (*types.Type, any) {
	switch a.Type {
	case scim.TypeBoolean:
		return types.BoolType, false
	case scim.TypeInteger:
		return types.IntType, int64(0)
	case scim.TypeDecimal:
		return types.DoubleType, 0.0
	case scim.TypeComplex:
		return p.declare(path, a.SubAttributes), map[string]any{}
	default:
		return types.StringType, ""
	}
}

// errLong is about a text that is longer than any that can be stored as a value.
var errLong = fmt.Errorf("it reads a text of more than %d bytes", maxInput)

// native is a value of a document for CEL; zero is one of its type.
func native(value, zero any) (any, error) {
	switch v := value.(type) {
	case json.Number:
		if i, err := v.Int64(); err == nil && zero != 0.0 {
			return i, nil
		}
		f, _ := v.Float64() // a number of JSON
		return f, nil
	case string:
		if len(v) > maxInput {
			return nil, errLong
		}
	case []any:
		out := make([]any, len(v))
		for i, element := range v {
			var err error
			if out[i], err = native(element, zero); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return value, nil
}

// FindStructType implements types.Provider.
func (p *provider) FindStructType(name string) (*types.Type, bool) {
	if p.fields[name] == nil {
		return p.Registry.FindStructType(name)
	}
	return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
}

// FindStructFieldNames implements types.Provider.
func (p *provider) FindStructFieldNames(name string) ([]string, bool) {
	if p.fields[name] == nil {
		return p.Registry.FindStructFieldNames(name)
	}
	return slices.Sorted(maps.Keys(p.fields[name])), true
}

// FindStructFieldType implements types.Provider.
func (p *provider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	if p.fields[name] == nil {
		return p.Registry.FindStructFieldType(name, field)
	}
	f, ok := p.fields[name][field]
	return f, ok
}

// expression is a compiled one.
type expression struct {
	program cel.Program
	name    string // for errors: the attribute or the key that it belongs to
	text    string // as the file has it
	groups  bool   // whether it reads the user's groups
}

// mentions reports whether an expression reads a variable.
func mentions(ast *cel.Ast, variable string) bool {
	for _, reference := range ast.NativeRep().ReferenceMap() {
		if reference.Name == variable {
			return true
		}
	}
	return false
}

// errExpression is why an expression cannot be used, with its place in the text.
type errExpression struct{ text string }

func (e errExpression) Error() string { return e.text }

// compile checks an expression whose result must be of the type.
func (l *language) compile(name, text string, want *cel.Type) (*expression, error) {
	ast, issues := l.env.Compile(text)
	if issues != nil && issues.Err() != nil {
		first := issues.Errors()[0]
		return nil, errExpression{fmt.Sprintf("at character %d of line %d: %s", first.Location.Column()+1, first.Location.Line(), first.Message)}
	}
	if !want.IsAssignableType(ast.OutputType()) {
		return nil, errExpression{fmt.Sprintf("gives a %s and must give a %s", ast.OutputType(), want)}
	}
	estimate, err := l.env.EstimateCost(ast, sizes{})
	if err != nil {
		return nil, errExpression{err.Error()}
	}
	if estimate.Max > maxEstimate {
		return nil, errExpression{"may cost " + strconv.FormatUint(estimate.Max, 10) + " steps, more than " + strconv.Itoa(maxEstimate)}
	}
	program, err := l.env.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(maxCost))
	if err != nil {
		return nil, errExpression{err.Error()}
	}
	return &expression{program: program, name: name, text: text, groups: mentions(ast, groupsVariable)}, nil
}

// sizes are those that the estimate assumes.
type sizes struct{}

// EstimateSize implements cost.Estimator.
func (sizes) EstimateSize(node cost.AstNode) *cost.SizeEstimate {
	if len(node.Path()) == 0 {
		return nil
	}
	if node.Type().Kind() == types.ListKind {
		return &cost.SizeEstimate{Max: assumedElements}
	}
	return &cost.SizeEstimate{Max: assumedLength}
}

// EstimateCallCost implements cost.Estimator: CEL's own.
func (sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}

// activation is what the expressions of one document see, with the names of the user's groups
// where the language has them.
func (l *language) activation(doc scim.Document, groups []string) (interpreter.Activation, error) {
	values := make(map[string]any, len(l.variables)+1)
	if l.groups {
		values[groupsVariable] = groups
	}
	for name, urn := range l.variables {
		object := map[string]any(doc)
		if urn != "" {
			if object = doc.Object(urn); object == nil {
				object = map[string]any{}
			}
		}
		values[name] = object
	}
	return interpreter.NewActivation(values)
}

// evaluate computes the expression. A failure is a *scim.Error with InvalidValue that
// names the rule.
func (e *expression) evaluate(in interpreter.Activation) (any, error) {
	out, _, err := e.program.Eval(in)
	if err == nil {
		value, size := fromCEL(out), 0
		for _, element := range filter.Elements(value) {
			text, _ := element.(string)
			size += len(text)
		}
		if size <= maxResult {
			return value, nil
		}
		err = fmt.Errorf("it gives more than %d bytes", maxResult)
	}
	return nil, scim.BadRequest(code.RuleFails, scim.InvalidValue, "the mapping's rule for %s cannot be computed from this resource: %s", e.name, reason(err))
}

// reason is the text of an error of CEL without its numbers.
func reason(err error) string {
	if _, ok := errors.AsType[interpreter.EvalCancelledError](err); ok {
		return "it takes too many steps"
	}
	return strings.TrimPrefix(err.Error(), "evaluation error: ")
}

// fromCEL is a result as a value of a document, nil when it is empty.
func fromCEL(value ref.Val) any {
	switch v := value.Value().(type) {
	case int64:
		return json.Number(strconv.FormatInt(v, 10))
	case float64:
		return json.Number(strconv.FormatFloat(v, 'g', -1, 64))
	case string, bool:
		if v == "" {
			return nil
		}
		return v
	case []ref.Val:
		return elements(len(v), func(i int) ref.Val { return v[i] })
	}
	if list, ok := value.(interface {
		Get(ref.Val) ref.Val
		Size() ref.Val
	}); ok {
		size, _ := list.Size().Value().(int64)
		return elements(int(size), func(i int) ref.Val { return list.Get(types.Int(i)) })
	}
	return nil
}

func elements(n int, at func(int) ref.Val) any {
	out := make([]any, 0, n)
	for i := range n {
		if v := fromCEL(at(i)); v != nil {
			out = append(out, v)
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// celType is what an expression for an attribute must give, nil for an attribute that
// none can give.
func celType(a *scim.Attribute) *cel.Type {
	single := cel.StringType
	switch a.Type {
	case scim.TypeComplex:
		return nil
	case scim.TypeBoolean:
		single = cel.BoolType
	case scim.TypeInteger:
		single = cel.IntType
	case scim.TypeDecimal:
		single = cel.DoubleType
	default:
	}
	if a.MultiValued {
		return cel.ListType(single)
	}
	return single
}
