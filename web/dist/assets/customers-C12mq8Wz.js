function n(){return null}function u(){return null}export{u as CustomerPage,n as CustomersPage};
