//! Reading what JavaScript passed in, field by field. By hand: serde's deserialisers, with all the shapes
//! that they explain, are 60 KB of module, and their errors do not name the field.

use js_sys::{Array, JsString, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use weir_core::protocol::ErrorCode;

use crate::thrown::Thrown;

/// A value and its name, for the message when it is of the wrong type.
pub(crate) struct Field {
    name: &'static str,
    value: JsValue,
}

impl Field {
    /// What an export was called with.
    pub(crate) fn argument(name: &'static str, value: JsValue) -> Self {
        Self { name, value }
    }

    /// A member; what an object does not have is undefined.
    ///
    /// # Errors
    /// When this is no object.
    pub(crate) fn member(&self, name: &'static str) -> Result<Self, Thrown> {
        let value = Reflect::get(self.object()?, &name.into());
        Ok(Self::read(name, value))
    }

    /// What a member was read as; a getter that throws has no value.
    pub(crate) fn read(name: &'static str, value: Result<JsValue, JsValue>) -> Self {
        let value = value.unwrap_or_default();
        Self { name, value }
    }

    /// This, when it has members.
    ///
    /// # Errors
    /// When this is no object.
    pub(crate) fn object(&self) -> Result<&JsValue, Thrown> {
        if self.value.is_object() {
            Ok(&self.value)
        } else {
            Err(self.is_not("an object"))
        }
    }

    /// None where it is left out or null.
    pub(crate) fn given(self) -> Option<Self> {
        (!self.value.is_undefined() && !self.value.is_null()).then_some(self)
    }

    /// A member that may be left out or null.
    ///
    /// # Errors
    /// When this is no object.
    pub(crate) fn optional(&self, name: &'static str) -> Result<Option<Self>, Thrown> {
        Ok(self.member(name)?.given())
    }

    /// # Errors
    /// When this is no string.
    pub(crate) fn text(&self) -> Result<String, Thrown> {
        self.value.as_string().ok_or_else(|| self.is_not("a string"))
    }

    /// # Errors
    /// When this is no non-negative integer that a number holds exactly.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the guard keeps to the integers that both types hold exactly"
    )]
    pub(crate) fn integer(&self) -> Result<u64, Thrown> {
        let number = self.value.as_f64();
        let integer = number.filter(|number| {
            *number >= 0.0 && *number <= js_sys::Number::MAX_SAFE_INTEGER && number.fract() == 0.0
        });
        integer
            .map(|number| number as u64)
            .ok_or_else(|| self.is_not("a non-negative integer"))
    }

    /// # Errors
    /// When this is no array.
    pub(crate) fn elements(&self) -> Result<Vec<Self>, Thrown> {
        let Some(array) = self.value.dyn_ref::<Array>() else {
            return Err(self.is_not("an array"));
        };
        let name = self.name;
        Ok(array.iter().map(|value| Self { name, value }).collect())
    }

    /// Is this the word?
    pub(crate) fn is(&self, word: &str) -> bool {
        self.value
            .dyn_ref::<JsString>()
            .is_some_and(|text| *text == *word)
    }

    /// The value itself.
    pub(crate) fn value(&self) -> &JsValue {
        &self.value
    }

    /// The error of a value that should have been `wanted`.
    pub(crate) fn is_not(&self, wanted: &str) -> Thrown {
        Thrown::new(ErrorCode::BadField, [self.name, " is not ", wanted].concat())
    }
}
